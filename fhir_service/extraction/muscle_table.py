"""Muscle grades in a table row a patient: pairs `2/5` under a header that says "(right/left)" are one grade a side."""

from __future__ import annotations

import re
from decimal import Decimal

from fhir_service.extraction.document import Document, Sentence
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timepoints import Operations
from fhir_service.reports.case_report import Coded, ObservationFact, Relation, RelativeTime

_PAIR = compiled(r"(?<![\w./])(?P<first>[0-5])\s?/\s?(?P<second>[0-5])(?![\w./])")
_SIDES = compiled(r"\(\s?(?P<first>right|left|R|L)\s?/\s?(?P<second>right|left|R|L)\s?\)", re.IGNORECASE)


def table_pairs(document: Document, row: Sentence, operations: Operations) -> list[ObservationFact]:
    """The grades of one row, in the order of the muscle-power columns of its table."""
    pairs = list(_PAIR.finditer(row.text))
    header = _header(document, row) if pairs else ""
    columns = _columns(header)
    facts = []
    for pair, (name, sides, code) in zip(pairs, columns, strict=False):
        span = (row.span(pair.start(), pair.end()),)
        values = [Decimal(pair["first"]), Decimal(pair["second"])] if sides else [Decimal(pair["first"])]
        if not sides and pair["second"] != "5":
            continue
        for value, side in zip(values, sides or (None,), strict=False):
            facts.append(
                ObservationFact(
                    id="",
                    kind=Coded(code="mrc-muscle-grade", text=name),
                    value=value,
                    unit="{score}",
                    side=Coded(code=side) if side else None,
                    time=_time(code, operations),
                    span=span,
                    rule=f"muscle_table.{code or 'pair'}",
                )
            )
    return facts


def _header(document: Document, row: Sentence) -> str:
    """The words of the row's table that stand before the first pair of grades."""
    for table in document.tables:
        if not table.cells or not table.cells[0].start <= row.start <= table.cells[-1].end:
            continue
        words = [table.title]
        for cell in table.cells:
            if _PAIR.search(cell.text):
                break
            words.append(cell.text)
        return " ".join(words)
    return ""


def _columns(header: str) -> list[tuple[str, tuple[str, ...], str | None]]:
    """(name, sides in order, timepoint) of each column whose header names muscle power or strength."""
    names = [
        hit for hit in lexicon("measurements").find(header) if hit.code == "mrc-muscle-grade" and not hit.term["needs"]
    ]
    columns = []
    for place, name in enumerate(names):
        end = names[place + 1].start if place + 1 < len(names) else len(header)
        words = header[name.end : end]
        sides = _SIDES.search(words)
        point = lexicon("timepoints").first(words[: sides.start()] if sides else words)
        columns.append((header[name.start : name.end], _order(sides), point.code if point else None))
    return columns


def _order(sides: re.Match[str] | None) -> tuple[str, ...]:
    if sides is None:
        return ()
    return tuple("right" if sides[name][0].lower() == "r" else "left" for name in ("first", "second"))


def _time(code: str | None, operations: Operations) -> RelativeTime | None:
    index, revision = operations.index, operations.revision
    if code == "before":
        event = revision or index
        relation = Relation.BEFORE
    elif code in ("after", "last", "at-once"):
        event = revision or index
        relation = Relation.AFTER
    else:
        return None
    return None if event is None else RelativeTime(relation=relation, event=event.id, rule=f"muscle_table.{code}")
