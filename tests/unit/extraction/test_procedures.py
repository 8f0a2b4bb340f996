"""Operations: which is the index, which came before, with and after it, and at which levels."""

from __future__ import annotations

from reading import codes, index, only, revisions

from fhir_service.reports.case_report import Polarity, Relation


def test_an_index_without_a_level_takes_that_of_the_fracture_it_was_done_for() -> None:
    case = only(
        "A 41-year-old woman was admitted for a traumatic fracture of Th9. Percutaneous kyphoplasty was performed."
    )
    assert codes(index(case).level) == ["T9"]


def test_an_old_fracture_is_not_what_was_treated() -> None:
    case = only(
        "A 70-year-old female presented with back pain. MRI showed acute fractures of T11 and L1; "
        "there was an old fracture at L4. "
        "Percutaneous vertebroplasty was performed at both levels."
    )
    assert codes(index(case).level) == ["T11", "L1"]


def test_a_repeat_is_a_revision_at_the_level_that_broke_again() -> None:
    case = only(
        "A 65-year-old woman still had pain, although vertebroplasty of L1 and L4 had been done a "
        "month earlier. L1 had refractured. "
        "By repeat vertebroplasty the vertebra was filled."
    )
    assert (codes(index(case).level), revisions(case)) == (["L1", "L4"], {"vertebroplasty": ["L1"]})


def test_an_augmentation_of_later_fractures_is_a_revision() -> None:
    case = only(
        "A 45-year-old woman underwent T7 kyphoplasty. Within two months fractures of T6 and T8 were "
        "treated by kyphoplasty."
    )
    assert (codes(index(case).level), revisions(case)) == (["T7"], {"kyphoplasty": ["T6", "T8"]})


def test_an_operation_of_years_before_is_prior() -> None:
    case = only(
        "A 69-year-old woman had undergone L3-L5 posterior fusion for stenosis. Five years later she "
        "broke L2, and balloon kyphoplasty of L2 "
        "was performed. She underwent decompression at L1-L2 for weakness ten days after the kyphoplasty."
    )
    assert [(f.kind.code, codes(f.level)) for f in case.procedure if f.role == "prior"] == [
        ("fusion", ["L3", "L4", "L5"])
    ]
    assert revisions(case) == {"decompression": ["L1", "L2"]}


def test_what_is_done_in_the_same_sitting_is_concomitant() -> None:
    case = only("A 51-year-old woman had surgery: vertebroplasty with posterior fusion of T5-T10, and T7 corpectomy.")
    assert {f.kind.code: codes(f.level) for f in case.procedure if f.role == "concomitant"} == {
        "fusion": ["T5", "T6", "T7", "T8", "T9", "T10"],
        "corpectomy": ["T7"],
    }
    assert index(case).level == ()


def test_two_kinds_of_augmentation_are_two_index_procedures() -> None:
    case = only(
        "A 78-year-old woman was operated on for an L1 fracture. Cement-augmented pedicle screw "
        "fixation from T11 to L3 was carried out, "
        "and kyphoplasty of L1 was added."
    )
    assert [f.kind.code for f in case.procedure if f.role == "index"] == ["cement-augmented-fixation", "kyphoplasty"]


def test_cement_in_a_fusion_is_an_index_where_no_augmentation_is_named() -> None:
    case = only(
        "In a 71-year-old woman undergoing posterior spinal fusion, emboli to the heart were seen "
        "while cement was being injected. "
        "She was managed by cardiotomy, and the emboli were removed."
    )
    assert index(case).kind.code == "cement-augmented-fixation"
    assert set(revisions(case)) == {"other", "embolectomy"}


def test_an_operation_that_is_only_recommended_is_not_done() -> None:
    case = only(
        "A 60-year-old man had vertebroplasty of L1. Cement was found in the epidural space. "
        "Laminectomy was recommended to relieve the cord."
    )
    assert revisions(case) == {}


def test_surgery_that_was_refused_is_kept_as_refused() -> None:
    case = only(
        "An 80-year-old man had kyphoplasty of L1. The cement dislodged at 2 months. He refused further surgery."
    )
    (refused,) = [fact for fact in case.procedure if fact.refusal]
    assert (refused.polarity, refused.refusal and refused.refusal.text) == (Polarity.NEGATED, "refused further surgery")


def test_second_stages_are_part_of_the_first() -> None:
    case = only(
        "A 73-year-old woman had kyphoplasty of T11. Six weeks later the cement had dislodged. "
        "Anterior fusion was performed. "
        "Two weeks later, additional posterior stabilization was done."
    )
    first, second = [fact for fact in case.procedure if fact.role == "revision"]
    assert second.part_of == first.id


def test_volumes_are_kept_for_each_level() -> None:
    case = only(
        "A 70-year-old woman had vertebroplasty using 3 ml of PMMA at T11 and 4.0 ml at L1 through a "
        "bipedicular approach under fluoroscopic guidance."
    )
    volumes = [fact for fact in case.observation if fact.kind.code == "cement-volume"]
    assert [(str(fact.value), codes(fact.level)) for fact in volumes] == [("3", ["T11"]), ("4.0", ["L1"])]
    assert {detail.code for detail in index(case).detail} == {"approach", "guidance"}
    assert index(case).cement is not None
    assert index(case).cement.code == "pmma"  # type: ignore[union-attr] # asserted above


def test_blood_is_no_cement() -> None:
    case = only("A 70-year-old woman had vertebroplasty of L1. After cement injection 200 ml of blood were drained.")
    assert not [fact for fact in case.observation if fact.kind.code == "cement-volume"]


def test_volumes_given_respectively_go_to_their_levels() -> None:
    case = only(
        "A 70-year-old woman had vertebroplasty; 2 mL and 2.5 mL of cement were injected at T5 and T6, respectively."
    )
    volumes = [fact for fact in case.observation if fact.kind.code == "cement-volume"]
    assert [(str(fact.value), codes(fact.level)) for fact in volumes] == [("2", ["T5"]), ("2.5", ["T6"])]


def test_a_vertebra_that_was_cemented_was_augmented() -> None:
    case = only("In a man aged 70, T11 was cemented and T12 collapsed 11 days later.")
    assert (index(case).kind.code, codes(index(case).level)) == ("other", ["T11"])


def test_a_case_under_no_case_heading_is_found() -> None:
    case = only(
        "Introduction\n\nA 63-year-old man had vertebroplasty of L5."
        " Cement leaked into the disc.\n\nDiscussion\n\nLeaks are common.\n"
    )
    assert codes(index(case).level) == ["L5"]


def test_the_level_the_cement_was_injected_into_is_the_level() -> None:
    case = only("A 90-year-old man had hypotension immediately after cement had been injected into L1 at kyphoplasty.")
    assert codes(index(case).level) == ["L1"]


def test_a_fusion_that_was_solid_is_no_operation() -> None:
    case = only(
        "A 57-year-old woman had vertebroplasty of L2. Corpectomy of L2 was done later. Fusion was solid at four years."
    )
    assert set(revisions(case)) == {"corpectomy"}


def test_operations_keep_their_times() -> None:
    case = only(
        "An 81-year-old woman had undergone posterior fusion from L3-5 4 years prior. Kyphoplasty of L5 was done. "
        "One week after kyphoplasty "
        "she had weakness. Six weeks after kyphoplasty decompression was performed. Two weeks "
        "later, additional posterior "
        "stabilization was done."
    )
    times = {f.id: (f.time.relation, str(f.time.value), f.time.unit, f.time.event) for f in case.procedure if f.time}
    assert times["1/prior-1"] == (Relation.BEFORE, "4", "a", "1/index-1")
    assert times["1/revision-1"] == (Relation.AFTER, "6", "wk", "1/index-1")
    assert times["1/revision-2"] == (Relation.AFTER, "2", "wk", "1/revision-1")
