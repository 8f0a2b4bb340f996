"""Statements that cannot both be so, and those that can."""

from __future__ import annotations

import pytest
from reading import read

CASE = (
    "CASE REPORT\n\nA 70-year-old woman with an L1 fracture underwent vertebroplasty (VP). Cement "
    "leaked into the spinal canal. "
)


def _rules(text: str) -> list[str]:
    return [(c.rule or "").removeprefix("contradictions.") for c in read(text).contradiction]


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ("\n\nDISCUSSION\n\nIn a study of 372 patients, 129 patients, or 40.06% of them, had leakage.", "share"),
        ("\n\nDISCUSSION\n\nThey reviewed 3175 patients; four patients (0.26%) had deficits.", "share"),
        ("\n\nDISCUSSION\n\nFive of 59 patients (12%) died.", "share"),
        ("Examination showed paraplegia. The muscle power was grade 4 in the left leg.", "paralysed-with-power"),
        ("The spinal cord was exposed and decompressed at L5-S1.", "cord-below-its-end"),
        ("She died of immediate postoperative haemorrhage 7 days after surgery.", "immediate-after-days"),
        (
            "The neurologic deficit was relieved after surgery, but the muscle weakness remained unchanged.",
            "relieved-and-unchanged",
        ),
        ("CT showed no dural tear. Later CT showed no significant dural tear.", "denied-in-part"),
        (
            "\n\nDISCUSSION\n\nImprovement was observed in six patients undergoing surgery including the "
            "present case [1, 6, 10, 12-14].",
            "cited-patients",
        ),
        (
            "She was transferred three weeks after VP. An emergency decompression was performed.\n\nDISCUSSION\n\n"
            "The time interval between the VP and the surgery was about eight weeks.",
            "interval",
        ),
    ],
)
def test_a_contradiction_is_found_and_names_its_rule(told: str, rule: str) -> None:
    assert _rules(CASE + told) == [rule]


@pytest.mark.parametrize(
    "told",
    [
        "\n\nDISCUSSION\n\nOne of 222 patients (0.45%) and 12 of 59 (20.3%) had leakage.",
        "\n\nDISCUSSION\n\nOf 120 patients with 150 fractures, 30 patients (20%) had leakage.",
        "Examination showed paraparesis. The muscle power was grade 4 in the left leg.",
        "The spinal cord was compressed at L1.",
        "Symptoms began 4 months after VP. They began 16 weeks after VP.",
        "There was no dural tear. There was no infection.",
        "\n\nDISCUSSION\n\nImprovement was seen in seven patients including the present case [1, 6, 10, 12-14].",
        "Cement leakage was suspected. CT confirmed the leakage.",
    ],
)
def test_what_can_both_be_so_is_no_contradiction(told: str) -> None:
    assert _rules(CASE + told) == []


def test_a_contradiction_shows_both_statements() -> None:
    text = CASE + "\n\nDISCUSSION\n\nIn a study of 372 patients, 129 patients, or 40.06% of them, had leakage."
    (found,) = read(text).contradiction
    assert found.detail == "129 of 372 is 34.68 %, not 40.06 %"
    assert [span.words(text) for span in found.span] == [
        "129 patients, or 40.06% of them",
        "In a study of 372 patients",
    ]
    assert all(identifier.startswith("0/statement-") for identifier in found.implicated)


def test_an_author_under_two_numbers_is_reported() -> None:
    text = (
        CASE
        + "\n\nDISCUSSION\n\nBrown et al. [12] reported recovery.\n\nTable 1 Leakage reported in the literature\n\n"
        "Brown et al.\n(2003) [10]\n\n64 F L2 Vertebroplasty\n"
    )
    assert "citation-number" in _rules(text)


def test_the_same_number_in_table_and_text_is_none() -> None:
    text = (
        CASE
        + "\n\nDISCUSSION\n\nBrown et al. [10] reported recovery.\n\nTable 1 Leakage reported in the literature\n\n"
        "Brown et al.\n(2003) [10]\n\n64 F L2 Vertebroplasty\n"
    )
    assert _rules(text) == []
