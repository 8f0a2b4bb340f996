"""Harms: which, where, when, and what is denied."""

from __future__ import annotations

import pytest
from reading import codes, complication, complications, only, onset, read

START = "A 70-year-old woman underwent vertebroplasty of L1. "


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("CT showed intradural cement.", "cement-leakage-intradural"),
        ("Cement had leaked into the spinal canal.", "cement-leakage-epidural"),
        ("Extravasation of PMMA into the epidural space was seen.", "cement-leakage-epidural"),
        ("Cement was found in the left L1-L2 neural foramen.", "cement-leakage-foraminal"),
        ("Cement leaked into the disc space.", "cement-leakage-intradiscal"),
        ("CT revealed cement in the azygos vein.", "cement-leakage-venous"),
        ("Polymethylmethacrylate had leaked along veins.", "cement-leakage-venous"),
        ("There was leakage of cement into the paravertebral soft tissues.", "cement-leakage-paravertebral"),
        ("Leakage of cement was noticed.", "cement-leakage-unspecified"),
        ("CT confirmed cement emboli in both lungs.", "pulmonary-cement-embolism"),
        ("A cement embolus perforated the right ventricle.", "cardiac-cement-embolism"),
        ("CT showed cement in the aorta.", "arterial-cement-embolism"),
        ("Six weeks later the cement had migrated anteriorly.", "cement-dislodgement"),
        ("Spondylodiscitis was diagnosed.", "infection"),
        ("MRI demonstrated a new fracture of T12.", "adjacent-fracture"),
        ("L1 had refractured.", "refracture"),
        ("A retropulsed bone fragment narrowed the canal.", "retropulsed-fragment"),
        ("She developed right L1 radiculopathy.", "radiculopathy"),
        ("She became paraplegic.", "neurological-deficit"),
        ("MRI showed compression of the spinal cord.", "spinal-cord-compression"),
        ("An epidural haematoma developed.", "haematoma"),
        ("She became hypotensive.", "hypotension"),
        ("An anaphylactic reaction occurred.", "allergic-reaction"),
        ("She died.", "death"),
    ],
)
def test_every_harm_has_its_code(told: str, code: str) -> None:
    assert complications(only(START + told)) == {code}


@pytest.mark.parametrize(
    "told",
    [
        "There was no leakage of cement.",
        "Neither infection nor haematoma occurred.",
        "She was free of neurological deficit.",
        "Radiographs were without any new fracture.",
        "She denied weakness.",
        "Infection was ruled out.",
        "She feared sepsis.",
        "Her mother had died of stroke.",
        "Leakage may cause paraplegia.",
        "The risk of pulmonary embolism and paraplegia had been explained.",
        "Smith et al. reported paraplegia after leakage of cement.",
        "The position of the screws was good, none had dislodged.",
    ],
)
def test_what_is_denied_feared_general_or_another_persons_is_no_harm(told: str) -> None:
    assert complications(only(START + told)) == set()


def test_a_deficit_told_before_the_operation_is_no_harm_of_it() -> None:
    case = only(
        "A 51-year-old woman presented with paresis of both legs and cord compression. Vertebroplasty of T7 was done."
    )
    assert complications(case) == set()


def test_the_canal_is_not_epidural_where_the_dura_is_named() -> None:
    case = only(
        START + "Cement had extravasated into the spinal canal. CT showed intradural leakage of cement from T12 to L2."
    )
    assert complications(case) == {"cement-leakage-intradural"}
    assert codes(complication(case, "cement-leakage-intradural").level) == ["T12", "L1", "L2"]


def test_several_sites_of_one_leak_have_their_own_levels() -> None:
    case = only(
        "A 78-year-old woman had vertebroplasty of L2 and L5. Cement had leaked into the right "
        "extraforaminal zone of L2-L3 and also into the "
        "L4-L5 disc, and L4, adjacent to it, had an acute compression fracture."
    )
    levels = {fact.kind.code: codes(fact.level) for fact in case.complication}
    assert levels == {
        "cement-leakage-foraminal": ["L2", "L3"],
        "cement-leakage-intradiscal": ["L4", "L5"],
        "adjacent-fracture": ["L4"],
    }


def test_where_cement_embolised_to_may_stand_in_another_sentence() -> None:
    case = only(
        "A 73-year-old man had kyphoplasty of L2. Eight months later CT showed a mass in the right "
        "atrium. Cement had embolized through the veins."
    )
    assert complications(case) == {"cardiac-cement-embolism"}


def test_onset_is_the_first_complaint_not_the_image() -> None:
    case = only(
        START + "Immediately after the procedure she had leg pain. Three weeks later CT showed intradural cement."
    )
    assert onset(complication(case, "cement-leakage-intradural")) == ("0", "h")


def test_a_silent_leak_does_not_date_from_a_later_complaint() -> None:
    case = only(
        START + "Radiographs showed cement in the T12-L1 disc space. Eight weeks later she had severe pain "
        "from a new fracture of T12."
    )
    assert onset(complication(case, "cement-leakage-intradiscal")) is None
    assert onset(complication(case, "adjacent-fracture")) == ("8", "wk")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("Six weeks later she developed radiculopathy.", ("6", "wk")),
        ("On the third postoperative day radiculopathy began.", ("3", "d")),
        ("Two months after discharge she developed radiculopathy.", ("2", "mo")),
        ("During the procedure radiculopathy set in.", ("0", "h")),
        ("Three to four weeks after vertebroplasty she developed radiculopathy.", ("3", "wk")),
        ("Some time later she developed radiculopathy.", None),
    ],
)
def test_onset_counts_from_the_index_procedure(told: str, expected: tuple[str, str] | None) -> None:
    fact = complication(only(START + told), "radiculopathy")
    assert onset(fact) == expected


def test_later_after_later_is_added_up() -> None:
    case = only(START + "One week later she was seen in the clinic. Two weeks later she developed radiculopathy.")
    assert onset(complication(case, "radiculopathy")) == ("3", "wk")


def test_a_time_after_the_revision_is_no_onset_from_the_index() -> None:
    case = only(START + "She became paraplegic. Laminectomy was performed. She died 7 days after this operation.")
    death = complication(case, "death")
    assert onset(death) == ("7", "d")
    assert death.onset is not None
    assert death.onset.event == "1/revision-1"


def test_a_harm_told_of_all_patients_is_each_ones() -> None:
    cases = read(
        "Abstract\n\nAll two patients developed radiculopathy caused by a retropulsed bone "
        "fragment.\n\nCase presentation\n\nCase 1\n\n"
        "A 77-year-old woman had kyphoplasty of T12. Four weeks later groin pain began.\n\nCase "
        "2\n\nA 60-year-old man had kyphoplasty of L2.\n"
    ).case
    assert [complications(case) for case in cases] == [{"radiculopathy", "retropulsed-fragment"}] * 2
    assert codes(complication(cases[1], "retropulsed-fragment").level) == ["L2"]


def test_side_and_cause_are_kept_in_the_reports_words() -> None:
    case = only(START + "Left L1 radiculopathy occurred due to cement in the foramen.")
    fact = complication(case, "radiculopathy")
    assert fact.side is not None
    assert fact.side.code == "left"
    assert [cause.text for cause in fact.cause] == ["due to cement in the foramen"]


def test_a_leak_of_contrast_or_spinal_fluid_is_no_leak_of_cement() -> None:
    assert complications(only(START + "The balloon ruptured; contrast medium leaked.")) == set()
    assert complications(only(START + "Leakage of cerebrospinal fluid was not seen, but CSF leaked later.")) == set()


def test_a_question_states_nothing() -> None:
    assert complications(only("Cement embolus in the renal artery?\n\n" + START + "She was well.")) == set()


def test_an_object_in_the_heart_from_which_cement_was_taken_is_an_embolus() -> None:
    case = only(
        "This 48-year-old woman had undergone vertebroplasties at T10 and L1 one year previously. Echocardiography "
        "showed a mobile "
        "linear structure in the right atrium. At surgery a cement cast was extracted."
    )
    assert complications(case) == {"cardiac-cement-embolism"}
    assert onset(complication(case, "cardiac-cement-embolism")) == ("1", "a")


def test_a_time_in_another_part_of_the_sentence_is_not_the_harms() -> None:
    case = only(
        "Patient 1 (M, 79 y): kyphoplasty L3; tuberculous spondylitis after 3 weeks; died of miliary tuberculosis."
    )
    assert onset(complication(case, "infection")) == ("3", "wk")
    assert onset(complication(case, "death")) is None


def test_what_is_there_on_waking_is_there_at_once() -> None:
    case = only("A 72-year-old man had L3 vertebroplasty. Severe right L3 radiculopathy was present on waking.")
    assert onset(complication(case, "radiculopathy")) == ("0", "h")


@pytest.mark.parametrize(
    ("told", "codes", "words"),
    [
        (
            "An epidural haematoma developed. Laminectomy was performed.",
            ["SeriousRequiresPreventImpairment"],
            "Laminectomy",
        ),
        ("She died of pulmonary cement embolism.", ["SeriousResultsInDeath"], "died of pulmonary cement embolism"),
        (
            "Her legs became weak. Laminectomy was performed. At one year the weakness persisted.",
            ["SeriousResultsInDisability"],
            "weakness persisted",
        ),
        ("An epidural haematoma developed and was observed.", [], None),
        ("An epidural haematoma developed. She refused surgery.", [], None),
        ("A rash developed. It has not gone down.", [], None),
    ],
)
def test_a_harm_is_serious_only_where_the_report_says_why(told: str, codes: list[str], words: str | None) -> None:
    stated = [fact.seriousness for fact in only(START + told).complication if fact.seriousness]
    assert [one.code for one in stated][:1] == codes
    assert [one.text for one in stated][:1] == ([words] if words else [])


def test_an_operation_makes_none_of_several_harms_serious() -> None:
    case = only(START + "An epidural haematoma developed, and the wound was infected. Laminectomy was performed.")
    assert len(case.complication) == 2
    assert [fact.seriousness for fact in case.complication] == [None, None]
