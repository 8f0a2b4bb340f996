"""A whole report: ids, spans, sameness, size."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading import only, read, spans

from fhir_service.reports.case_report import from_json, to_json

SHARED = Path(__file__).resolve().parents[4] / "shared"
RETOLD = sorted((Path(__file__).resolve().parents[3] / "seeds").glob("*/report.txt"))
GIVEN = sorted((SHARED / "seeds").glob("*.txt")) + sorted((SHARED / "dev-reports" / "texts").glob("*.txt"))

TOLD = (
    "Intradural cement after vertebroplasty\n\nAbstract\n\nCase presentation: A 64-year-old "
    "woman had vertebroplasty of L2. "
    "Intradural cement was found.\n\nConclusions: Take care.\n\nCase presentation\n\nA "
    "64-year-old woman underwent percutaneous "
    "vertebroplasty of L2. CT showed intradural leakage of cement from L1 to "
    "L3.\n\nDiscussion\n\nIn our patient intradural cement was seen.\n"
)


def test_the_same_fact_told_again_is_one_fact_with_several_spans() -> None:
    case = only(TOLD)
    (harm,) = case.complication
    assert len(harm.span) >= 2
    assert case.age is not None
    assert len(case.age.span) == 2
    assert [span.words(TOLD) for span in case.age.span] == ["64-year-old", "64-year-old"]


def test_the_case_section_leads() -> None:
    (harm,) = only(TOLD).complication
    assert [level.code for level in harm.level] == ["L1", "L2", "L3"]


@pytest.mark.parametrize("file", [*RETOLD, *GIVEN], ids=lambda file: file.parent.name[:12] + "-" + file.stem[:6])
def test_every_fact_of_a_report_has_an_id_of_its_own_a_rule_and_words_to_show(file: Path) -> None:
    text = file.read_text("utf-8")
    report = read(text)
    assert report.case
    for case in report.case:
        facts = [*case.procedure, *case.condition, *case.observation, *case.complication, *case.remark]
        ids = [fact.id for fact in facts]
        assert len(set(ids)) == len(ids)
        assert all(fact_id.startswith(f"{case.number}/") for fact_id in ids)
        for fact in facts:
            assert fact.span, fact
            assert fact.rule, fact
        known = {*ids, case.id}
        for harm in case.complication:
            assert {*harm.suspect, *harm.history} <= known
            assert harm.onset is None or harm.onset.event in known
    for span in spans(report):
        assert span.words(text).strip()
        assert span.end <= len(text)


@pytest.mark.parametrize("file", RETOLD, ids=lambda file: file.parent.name)
def test_the_same_text_gives_the_same_facts_and_survives_json(file: Path) -> None:
    text = file.read_text("utf-8")
    report = read(text)
    assert report == read(text)
    assert from_json(to_json(report)) == report


@pytest.mark.parametrize("size", [500_000, pytest.param(5_000_000, marks=pytest.mark.long)])
def test_a_text_of_megabytes_is_read(size: int) -> None:
    page = "Vertebroplasty is common. Patients may have leaks of cement at L1. " * 20 + "\n\n"
    text = TOLD + "\n\nDiscussion\n\n" + page * (size // len(page))
    assert len(read(text).case) == 1


@pytest.mark.parametrize(
    "text",
    [
        "\u202eA 64-year-old woman had vertebroplasty of L2.\u202c Cement leaked into the disc.",
        "A 64-year-old woman had vertebroplasty of L2.\r\nCement leaked into the\r\ndisc.\r\n",
        "A 64-year-old woman had vertebro-\nplasty of L2. Cement leaked into the\n\n\n disc.",
    ],
)
def test_marks_and_line_ends_do_not_change_what_is_read(text: str) -> None:
    case = only(text)
    assert [fact.kind.code for fact in case.complication] == ["cement-leakage-intradiscal"]


@pytest.mark.parametrize("file", (GIVEN or RETOLD)[:8], ids=lambda file: file.stem[:6])
def test_line_ends_blanks_and_a_byte_order_mark_change_no_fact(file: Path) -> None:
    text = file.read_text("utf-8")

    def told(words: str) -> list[object]:
        return [
            (
                case.sex and case.sex.code,
                [f.kind.code for f in case.procedure],
                [f.kind.code for f in case.complication],
            )
            for case in read(words).case
        ]

    assert told(text.replace("\n", "\r\n")) == told("\ufeff" + text) == told(text)
