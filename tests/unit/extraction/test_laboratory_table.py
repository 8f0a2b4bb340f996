"""Tables of values over time about one patient, in the forms that text extraction leaves them in."""

from __future__ import annotations

import pytest
from reading import read

from fhir_service.reports.case_report import ObservationFact

CASE = (
    "A 77-year-old woman underwent kyphoplasty of T12 for a fracture. On the 24th day after kyphoplasty spondylitis "
    "was found.\n\n"
)
TITLE = "Table 1\n\nLaboratory data over time\n\n"
CELLS = ["Item (unit)", "Before BKP", "Day 7", "6 months", "Reference",
         "WBC (/µL)", "6,100", "15,900", "n.d.", "3,300-8,600",
         "CRP (mg/dL)", "0.22", "21.4", "0.09", "0-0.14"]  # fmt: skip


def _told(table: str, *, case: str = CASE) -> list[ObservationFact]:
    report = read(f"CASE REPORT\n\n{case}{TITLE}{table}\n\nDISCUSSION\n\nInfection is rare.")
    return [fact for fact in report.case[0].observation if fact.rule == "laboratory_table.cell"]


def _values(facts: list[ObservationFact]) -> list[tuple[str | None, str, str | None]]:
    return [(fact.kind.code, str(fact.value), fact.unit) for fact in facts]


EXPECTED = [("wbc", "6100", "/uL"), ("wbc", "15900", "/uL"),
            ("crp", "0.22", "mg/dL"), ("crp", "21.4", "mg/dL"), ("crp", "0.09", "mg/dL")]  # fmt: skip


@pytest.mark.parametrize(
    "table",
    [
        pytest.param("\n\n".join(CELLS), id="one cell a line"),
        pytest.param("\n".join("\t".join(CELLS[row : row + 5]) for row in (0, 5, 10)), id="tabs"),
        pytest.param("\n".join(" ".join(CELLS[row : row + 5]) for row in (0, 5, 10)), id="a blank between"),
        pytest.param("\n".join(" | ".join(CELLS[row : row + 5]) for row in (0, 5, 10)), id="bars"),
    ],
)
def test_every_cell_is_a_value_with_its_unit(table: str) -> None:
    assert _values(_told(table)) == EXPECTED


def test_a_value_has_the_time_and_the_range_of_its_headings() -> None:
    before, day_7, *_ = _told("\n\n".join(CELLS))
    assert before.time is not None
    assert before.time.relation == "before"
    assert day_7.time is not None
    assert (day_7.time.relation, str(day_7.time.value), day_7.time.unit) == ("after", "7", "d")
    assert (str(day_7.reference_low), str(day_7.reference_high)) == ("3300", "8600")
    assert day_7.interpretation is not None
    assert day_7.interpretation.code == "H"


def test_the_measurements_may_stand_across_the_top() -> None:
    cells = ["Time", "WBC (/µL)", "CRP (mg/dL)", "Preoperative", "6,100", "0.22", "POD 7", "15,900", "21.4"]
    facts = _told("\n\n".join(cells))
    assert _values(facts) == [EXPECTED[0], EXPECTED[2], EXPECTED[1], EXPECTED[3]]
    assert [fact.time.relation for fact in facts if fact.time] == ["before", "before", "after", "after"]


def test_bare_days_have_no_time_where_no_column_is_before_the_augmentation() -> None:
    cells = ["Item", "Day 1", "Day 7", "WBC (/µL)", "6,100", "15,900", "CRP (mg/dL)", "0.22", "21.4"]
    assert {fact.time for fact in _told("\n\n".join(cells))} == {None}


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["Mean values", *CELLS], id="of many"),
        pytest.param(["Item", "Group A", "Group B", *CELLS[5:]], id="of two groups"),
        pytest.param(["Item (unit)", "Before BKP", *CELLS[5:]], id="fewer headings than values"),
        pytest.param([*CELLS[:5], "WBC (/µL)", "six", "high", "low", "none"], id="no numbers"),
    ],
)
def test_what_is_no_table_of_one_patient_gives_nothing(cells: list[str]) -> None:
    assert _told("\n\n".join(cells)) == []


def test_in_a_report_of_two_patients_a_table_is_nobodys() -> None:
    two = (
        "Case 1\n\nA 77-year-old woman underwent kyphoplasty of T12 for a fracture.\n\n"
        "Case 2\n\nAn 81-year-old man underwent vertebroplasty of L1 for a fracture.\n\n"
    )
    assert _told("\n\n".join(CELLS), case=two) == []
