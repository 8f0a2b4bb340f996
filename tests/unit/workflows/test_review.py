"""Facts that a reading is not sure of are kept, told, and not mapped."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from reading import only
from sample_reports import KYPHOPLASTY

from fhir_service.reports.case_report import CaseReport, Coded, RelativeTime
from fhir_service.reports.report import Report, Source
from fhir_service.workflows import map_report
from fhir_service.workflows.review import without_doubtful

BASE = "https://registry.example.org/fhir"
RECORDED = "2026-01-31T12:00:00.000Z"
CASE = only(KYPHOPLASTY)
REVISION = next(fact for fact in CASE.procedure if fact.role == "revision")
HARM = next(fact for fact in CASE.complication if fact.kind.code == "cement-leakage-epidural")


def report_of(**changes: object) -> CaseReport:
    return CaseReport(case=(msgspec.structs.replace(CASE, **changes),))


def doubted(confidence: float) -> CaseReport:
    """The report, its revision read with this confidence."""
    doubtful = msgspec.structs.replace(REVISION, confidence=confidence)
    return report_of(procedure=tuple(doubtful if fact is REVISION else fact for fact in CASE.procedure))


def test_a_report_without_doubt_is_mapped_as_it_was_read() -> None:
    report = CaseReport(case=(CASE,))
    reviewed = without_doubtful(report)
    assert reviewed.facts is report
    assert reviewed.notes == ()


@pytest.mark.parametrize(("confidence", "mapped"), [(0.49, False), (0.5, True), (1.0, True)])
def test_a_fact_below_the_bar_is_left_out_and_told(confidence: float, mapped: bool) -> None:
    reviewed = without_doubtful(doubted(confidence), 0.5)
    assert (REVISION.id in {fact.id for fact in reviewed.facts.case[0].procedure}) is mapped
    assert any(
        "For review, not mapped: procedure" in note and f"{REVISION.rule}" in note for note in reviewed.notes
    ) is (not mapped)


def test_nothing_refers_to_a_fact_that_was_left_out() -> None:
    report = doubted(0.1)
    (case,) = report.case
    harm = msgspec.structs.replace(
        HARM, suspect=(REVISION.id, "1/index-1"), onset=RelativeTime(event=REVISION.id, value=Decimal(2), unit="wk")
    )
    report = CaseReport(case=(msgspec.structs.replace(case, complication=(harm,)),))
    (kept,) = without_doubtful(report, 0.5).facts.case
    assert REVISION.id.encode() not in msgspec.json.encode(kept)
    assert kept.complication[0].suspect == ("1/index-1",)
    assert kept.complication[0].onset is None


def test_a_doubtful_part_is_left_out_of_a_fact_that_is_sure() -> None:
    side = Coded(code="left", text="left", confidence=0.2, rule="complications.side")
    report = report_of(complication=(msgspec.structs.replace(HARM, side=side),))
    reviewed = without_doubtful(report, 0.5)
    assert reviewed.facts.case[0].complication[0].side is None
    assert reviewed.notes == ('For review, not mapped: coded "left" (complications.side, confidence 0.2).',)


def test_a_fact_of_a_doubtful_kind_is_doubtful() -> None:
    kind = msgspec.structs.replace(HARM.kind, confidence=0.3)
    reviewed = without_doubtful(report_of(complication=(msgspec.structs.replace(HARM, kind=kind),)), 0.5)
    assert reviewed.facts.case[0].complication == ()
    assert "confidence 0.3" in reviewed.notes[0]


def test_at_zero_every_fact_is_mapped() -> None:
    report = doubted(0.01)
    assert without_doubtful(report, 0).facts is report


def test_what_is_left_for_review_is_kept_in_the_reading_and_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_report, "read", lambda report: doubted(0.2))  # no rule of today doubts so much
    report = Report(text=KYPHOPLASTY, source=Source(name="test"))
    mapped = map_report.map_report(report, recorded=RECORDED, base=BASE)
    every = map_report.map_report(report, recorded=RECORDED, base=BASE, review_below=0)
    kinds = [
        [e["resource"]["resourceType"] for e in made.bundle["entry"]].count("Procedure") for made in (mapped, every)
    ]
    assert kinds[0] == kinds[1] - 1
    assert REVISION.id in {fact.id for fact in mapped.reading.case_report.case[0].procedure}
    assert len(mapped.notes) == 1
    assert every.notes == ()
