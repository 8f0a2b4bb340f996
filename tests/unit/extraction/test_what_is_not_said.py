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
