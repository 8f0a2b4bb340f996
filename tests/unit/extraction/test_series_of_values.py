"""A list of values with a list of times, and where each value belongs."""

from __future__ import annotations

import pytest
from reading import only

from fhir_service.reports.case_report import RelativeTime

CASE = "CASE REPORT\n\nA 70-year-old man underwent kyphoplasty of L2 because of pain in the back. "
BEFORE, DAY_1, MONTH_1, YEAR_1 = "before", "after 1 d", "after 1 mo", "after 1 a"


def _told(time: RelativeTime | None) -> str:
    return " ".join(str(part) for part in (time.relation, time.value, time.unit) if part is not None) if time else ""


@pytest.mark.parametrize(
    ("told", "values", "times"),
    [
        ("VAS 8, 3 and 2 before, at 1 month, at 1 year.", [8, 3, 2], [BEFORE, MONTH_1, YEAR_1]),
        ("The VAS was 8, 3 and 2 before the operation, at 1 month and at 1 year.", [8, 3, 2],
         [BEFORE, MONTH_1, YEAR_1]),
        ("Preoperative, 1-month and 1-year VAS scores were 8, 3 and 2.", [8, 3, 2], [BEFORE, MONTH_1, YEAR_1]),
        ("VAS: 9 (preoperative), 4 (day 1), 2 (1 month).", [9, 4, 2], [BEFORE, DAY_1, MONTH_1]),
        ("CRP was 12 mg/L on day 1, 88 mg/L (normal < 5) at 1 month.", [12, 88], [DAY_1, MONTH_1]),
        ("VAS fell from 8 preoperatively to 3 on the first postoperative day and 2 at one year.", [8, 3, 2],
         [BEFORE, DAY_1, YEAR_1]),
    ],
)  # fmt: skip
def test_each_value_of_a_series_has_its_own_time(told: str, values: list[int], times: list[str]) -> None:
    facts = [fact for fact in only(CASE + told).observation if fact.kind.code in ("vas", "crp")]
    assert [fact.value for fact in facts] == values
    assert [_told(fact.time) for fact in facts] == times


def test_a_printed_range_with_thousands_is_no_second_value() -> None:
    told = "WBC was 15,300/mm3 (4,000-10,000) at that time, and the CRP was 118 mg/l (0-5)."
    facts = [fact for fact in only(CASE + told).observation if fact.kind.code in ("wbc", "crp")]
    assert [(str(fact.value), str(fact.reference_high)) for fact in facts] == [("15300", "10000"), ("118", "5")]
