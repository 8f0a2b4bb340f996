"""Values over time in a table about the one patient of a report: each cell a measurement, its heading the time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from fhir_service.extraction.document import Document, Passage, Section, Sentence, joined
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.quantities import Quantity, quantities, unit_behind
from fhir_service.extraction.repeated_measurements import compared
from fhir_service.extraction.table_grid import Part, Value, is_reference, values
from fhir_service.extraction.timeline import find_durations
from fhir_service.extraction.timepoints import Operations, relative_time, timepoints
from fhir_service.reports.case_report import Coded, ObservationFact, Relation, RelativeTime

_MARKS = compiled(r"[\s*†‡§↑↓HL()]*")
_DAY = compiled(r"(?:day|d)\s?(?P<n>\d{1,3})", re.IGNORECASE)
_RULE = "laboratory_table"

_Bounds = tuple[Decimal | None, Decimal | None]


def table_values(document: Document, operations: Operations) -> Iterator[ObservationFact]:
    """The measurements of every table of values over time."""
    for table in document.tables:
        grid = values(table)
        ranges = {value.label: bounds for value in grid if is_reference(value.heading) and (bounds := _range(value))}
        counted = any(_is_before(document, value) for value in grid)
        for value in grid:
            if is_reference(value.heading):
                continue
            time = _time(document, value, operations, counted=counted)
            yield from _facts(value, ranges.get(value.label), time)


def of_label(label: Passage, value: Passage, time: RelativeTime | None) -> Iterator[ObservationFact]:
    """The measurement that a label names and a value beside it gives."""
    name = lexicon("measurements").first(label.text)
    if name is not None:
        parts = [Part(each, 0, len(each.text)) for each in (label, value)]
        yield from _facts(Value(name, parts[0], label, parts[1]), None, time)


def _facts(value: Value, bounds: _Bounds | None, time: RelativeTime | None) -> Iterator[ObservationFact]:
    quantity = _only_quantity(value.value)
    term = value.name.term
    if quantity is None or term["form"] in ("grade", "pair") or quantity.second is not None:
        return
    behind = unit_behind(value.label.text, value.name.end)
    unit = quantity.unit or (behind[0] if behind else None)
    if unit is not None and unit.code not in term["units"]:
        return
    low, high = (term["limits"] or {}).get(unit.code if unit else "", [term["low"], term["high"]])
    if not Decimal(str(low)) <= quantity.value <= Decimal(str(high)):
        return
    cell, name = value.value, value.name
    yield ObservationFact(
        id="",
        kind=Coded(code=name.code, text=value.label.text[: name.end]),
        value=quantity.value if quantity.high is None else None,
        low=quantity.value if quantity.high is not None else None,
        high=quantity.high,
        comparator=quantity.comparator,
        unit=unit.code if unit else term["unit"],
        unit_text=unit.text if unit else None,
        reference_low=bounds[0] if bounds else None,
        reference_high=bounds[1] if bounds else None,
        interpretation=compared(quantity.value, *bounds)
        if bounds and quantity.high is None and not quantity.comparator
        else None,
        time=time,
        span=(cell.cell.span(cell.start, cell.end), value.label.cell.span(0, name.end)),
        rule=f"{_RULE}.cell",
    )


def _only_quantity(part: Part) -> Quantity | None:
    """The number of a cell that holds nothing else."""
    found = quantities(part.text)
    if len(found) != 1 or found[0].word:
        return None
    rest = part.text[: found[0].start].rstrip("<>≤≥= ") + part.text[found[0].end :]
    return found[0] if _MARKS.fullmatch(rest) else None


def _range(value: Value) -> _Bounds | None:
    quantity = _only_quantity(value.value)
    if quantity is None:
        return None
    if quantity.high is not None:
        return quantity.value, quantity.high
    if quantity.comparator in ("<", "<="):
        return None, quantity.value
    return (quantity.value, None) if quantity.comparator else None


def _is_before(document: Document, value: Value) -> bool:
    return any(point.code == "before" for point in timepoints(_heading(document, value)))


def _time(document: Document, value: Value, operations: Operations, *, counted: bool) -> RelativeTime | None:
    """The time a heading names. Bare days and amounts count from the augmentation where another column is before it."""
    sentence = _heading(document, value)
    points = timepoints(sentence)
    if len(points) == 1:
        return relative_time(sentence, points[0], operations, points[0].start)
    if points or operations.index is None or not counted:
        return None
    amount = _bare_amount(value.heading)
    if amount is None:
        return None
    return RelativeTime(
        relation=Relation.AFTER,
        event=operations.index.id,
        value=amount[0],
        unit=amount[1],
        rule=f"{_RULE}.bare-amount",
        confidence=0.8,
    )


def _heading(document: Document, value: Value) -> Sentence:
    return joined(document.text, (value.heading_cell,), Section.TABLE)


def _bare_amount(heading: str) -> tuple[Decimal, str] | None:
    day = _DAY.fullmatch(heading)
    if day:
        return Decimal(day["n"]), "d"
    found = find_durations(heading)
    whole = len(found) == 1 and (found[0].start, found[0].end) == (0, len(heading))
    return (found[0].value, found[0].unit) if whole and found[0].value is not None else None
