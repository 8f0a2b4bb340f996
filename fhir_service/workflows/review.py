"""Facts that a reading is not sure of: kept with what was read, left out of what is mapped, and told.

A fact says in `confidence` how sure its rule is (`reports/case_report.py`); where it says nothing, it has no doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from fhir_service.reports.case_report import CaseReport, Coded, RelativeTime, Stated

REVIEW_BELOW = 0.5
"""Of 1: what is less sure than even odds is looked at by somebody before it becomes a resource."""
_GONE: Any = object()


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The facts to map, and a note on each that is left to a reader."""

    facts: CaseReport
    notes: tuple[str, ...]


def without_doubtful(report: CaseReport, below: float = REVIEW_BELOW) -> Reviewed:
    """The report without facts, and parts of facts, whose confidence is below `below`, and without references to them.

    A fact whose kind is doubtful is doubtful, and so is a time that is counted from a doubtful operation. 0 keeps all.
    """
    doubtful = tuple(_doubtful(report, below))
    if not doubtful:
        return Reviewed(report, ())
    gone = frozenset(str(fact_id) for fact in doubtful if (fact_id := getattr(fact, "id", "")))
    facts: CaseReport = _kept(report, below, gone)
    return Reviewed(facts, tuple(dict.fromkeys(_note(fact) for fact in doubtful)))


def _doubtful(value: Any, below: float) -> Iterator[Stated]:
    """Every doubtful fact, the outermost of those that hold one another."""
    if isinstance(value, tuple):
        for item in value:
            yield from _doubtful(item, below)
    elif isinstance(value, msgspec.Struct):
        if isinstance(value, Stated) and _is_doubtful(value, below):
            yield value
            return
        for name in value.__struct_fields__:
            yield from _doubtful(getattr(value, name), below)


def _is_doubtful(fact: Stated, below: float) -> bool:
    if fact.confidence is not None and fact.confidence < below:
        return True
    kind = getattr(fact, "kind", None) or getattr(fact, "about", None)
    return isinstance(kind, Coded) and kind.confidence is not None and kind.confidence < below


def _kept(value: Any, below: float, gone: frozenset[str]) -> Any:
    """A value without what is doubtful; `_GONE` where nothing of it is left."""
    if isinstance(value, str):
        return _GONE if value in gone else value
    if isinstance(value, tuple):
        return tuple(kept for item in value if (kept := _kept(item, below, gone)) is not _GONE)
    if not isinstance(value, msgspec.Struct):
        return value
    if isinstance(value, Stated) and _is_doubtful(value, below):
        return _GONE
    if isinstance(value, RelativeTime) and value.event in gone:
        return _GONE
    changes = {
        name: None if kept is _GONE else kept
        for name in value.__struct_fields__
        if (kept := _kept(before := getattr(value, name), below, gone)) is not before
    }
    return msgspec.structs.replace(value, **changes) if changes else value


def _note(fact: Stated) -> str:
    kind = getattr(fact, "kind", None) or getattr(fact, "about", None) or fact
    words = getattr(kind, "text", None) or getattr(kind, "code", None) or ""
    place = f" at {fact.span[0].offset}" if fact.span else ""
    name = type(fact).__name__.removesuffix("Fact").lower()
    said = f' "{words}"' if words else ""
    return f"For review, not mapped: {name}{said}{place} ({fact.rule or kind.rule}, confidence {_confidence(fact):g})."


def _confidence(fact: Stated) -> float:
    kind = getattr(fact, "kind", None) or getattr(fact, "about", None)
    told = [each.confidence for each in (fact, kind) if isinstance(each, Stated) and each.confidence is not None]
    return min(told)
