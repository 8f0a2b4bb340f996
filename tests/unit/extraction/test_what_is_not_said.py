"""What a sentence says of one thing is not said of another; missing is better than wrong."""

from reading import only

from fhir_service.reports.case_report import Case, ComplicationFact, Polarity, Relation

START = "A 70-year-old woman underwent kyphoplasty of L1 for an osteoporotic compression fracture. "


def harm(case: Case, code: str) -> ComplicationFact:
    (found,) = [one for one in case.complication if one.kind.code == code]
    return found


def symptoms(case: Case) -> list[str]:
    return [one.kind.text or "" for one in case.condition if one.role == "symptom"]


def test_pain_that_is_relieved_is_no_new_symptom() -> None:
    case = only(START + "Her back pain improved after the procedure. Two weeks later groin pain set in.")
    assert not any("back pain" in words.lower() for words in symptoms(case))
    assert any("groin pain" in words.lower() for words in symptoms(case))


def test_pain_that_persisted_did_not_start_when_that_is_said() -> None:
    case = only(START + "Cement had leaked into the canal. After laminectomy the leg pain persisted.")
    assert [one.time for one in case.condition if "leg pain" in (one.kind.text or "")] == [None]


def test_a_side_belongs_to_its_own_site_in_a_list() -> None:
    case = only(
        START + "CT showed that cement had leaked into the right foramen of L1-L2 and also into the L2-L3 disc."
    )
    foraminal, intradiscal = harm(case, "cement-leakage-foraminal"), harm(case, "cement-leakage-intradiscal")
    assert foraminal.side is not None
    assert foraminal.side.code == "right"
    assert intradiscal.side is None


def test_a_chamber_of_the_heart_is_no_side() -> None:
    case = only(START + "Echocardiography showed a cement embolus in the right atrium.")
    assert harm(case, "cardiac-cement-embolism").side is None


def test_better_is_said_of_what_the_patient_felt_and_not_of_the_fracture() -> None:
    case = only(
        START + "Two weeks later both legs were weak, and L2, adjacent to it, had an acute new fracture. "
        "After decompression the weakness improved."
    )
    assert harm(case, "adjacent-fracture").outcome is None
    outcome = harm(case, "neurological-deficit").outcome
    assert outcome is not None
    assert outcome.code == "recovering"


def test_no_leak_can_be_denied_before_the_cement_is_in() -> None:
    case = only(
        START
        + "The posterior rim was intact before the procedure. No cement leakage was seen. Fever began a week later."
    )
    (denied,) = [one for one in case.observation if "leakage" in (one.kind.text or "")]
    assert denied.polarity is Polarity.NEGATED
    assert denied.time is None or denied.time.relation is not Relation.BEFORE


def test_a_rule_of_the_discussion_is_no_finding() -> None:
    case = only(
        START + "Two weeks later both legs were weak.\n\nDiscussion\n\n"
        "Where the spine is unstable, posterior fixation may be added."
    )
    assert not any("unstable" in (one.kind.text or "") for one in case.observation)


def test_what_a_treatment_did_not_change_is_not_denied() -> None:
    case = only(START + "Conservative management had altered neither the pain nor the functional impairment.")
    assert not any(one.polarity is Polarity.NEGATED and "pain" in (one.kind.text or "") for one in case.observation)


def test_after_that_operation_means_the_earlier_one_where_the_story_has_come_no_further() -> None:
    case = only(
        "Kyphoplasty and a leak\n\nCase presentation\n\nA 81-year-old woman underwent posterior decompression and "
        "fusion from L3 to L5 without any postoperative complications. Four years after the surgery she had low back "
        "pain. Percutaneous kyphoplasty of L5 was done. One week later she had weakness of the left leg."
    )
    prior = {one.id for one in case.procedure if one.role == "prior"}
    (denied,) = [one for one in case.observation if "complication" in (one.kind.text or "")]
    assert denied.time is None or denied.time.event in prior
    assert all(one.time is None or one.time.event in prior for one in case.condition if "back pain" in one.kind.text)


def test_a_death_after_a_second_operation_is_laid_to_that_and_says_what_it_was_of() -> None:
    case = only(
        START + "Two months later both legs were weak. Posterior decompression was performed. The patient died 7 days "
        "after this operation of an intracranial haemorrhage."
    )
    revision = [one.id for one in case.procedure if one.role == "revision"]
    death = harm(case, "death")
    assert list(death.suspect) == revision[-1:]
    assert death.kind.text is not None
    assert death.kind.text.endswith("of an intracranial haemorrhage")
    assert set(harm(case, "neurological-deficit").suspect).isdisjoint(revision)


def test_a_harm_that_has_another_cause_by_its_name_is_not_laid_to_the_augmentation() -> None:
    case = only(
        START + "Cement had embolized to the lung. She had enoxaparin; heparin induced thrombocytopenia developed."
    )
    by_heparin = [one for one in case.complication if "thrombocytopenia" in (one.kind.text or "")]
    assert [one.suspect for one in by_heparin] == [()] * len(by_heparin)
    assert harm(case, "pulmonary-cement-embolism").suspect


def test_a_bone_density_told_after_the_operation_was_not_measured_after_it() -> None:
    case = only(START + "Bone mineral density showed osteoporosis, with a T-score of -3.1. A week later fever set in.")
    (density,) = [one for one in case.observation if one.kind.code == "t-score"]
    assert density.time is None
