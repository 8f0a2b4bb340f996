"""What a case report affirms: the facts that rules are asked about.

A fact, or a part of one, that is negated, hypothetical or unknown is left out, and so is what has not the form of its
element: what is not said, or cannot be read, breaks no rule. Numbers become Decimal or int.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from fhir_service.validation.case_report_model import ModelElement
from fhir_service.validation.case_report_structure import Place, below, fits, items_of

_POLARITY = "polarity"
_AFFIRMED = "affirmed"


class Fact(NamedTuple):
    """An object of the report without what it does not affirm, the objects below it in their order."""

    element: ModelElement
    value: dict[str, Any]
    path: str
    inner: tuple[Fact, ...]

    def all(self) -> Iterator[Fact]:
        """This one and those below it."""
        yield self
        for fact in self.inner:
            yield from fact.all()


def affirmed(report: Mapping[str, Any], model: ModelElement, unfit: Container[str] = ()) -> Fact:
    """The report as a tree of facts, without what is at the paths `unfit`: codes that there are not."""
    return _fact(Place(model, report, ""), unfit)


def _fact(place: Place, unfit: Container[str]) -> Fact:
    element, value, path = place
    kept: dict[str, Any] = {}
    inner: list[Fact] = []
    for name, part in value.items():
        child = element.children.get(name)
        if child is None:
            continue
        found: list[Any] = []
        for item in items_of(child, part, below(path, name)):
            if not child.children:
                if item.path not in unfit and fits(child, item.value):
                    found.append(_exact(item.value))
            elif _is_affirmed(item.value):
                fact = _fact(item, unfit)
                inner.append(fact)
                found.append(fact.value)
        if found:
            kept[name] = found if child.repeats else found[0]
    return Fact(element, kept, path, tuple(inner))


def _is_affirmed(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get(_POLARITY, _AFFIRMED) == _AFFIRMED


def _exact(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value
