"""FHIRPath's questions for the type of a resource, which says it itself; those for data types are fhirpathpy's, which
has to know the path for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.fhirpath_budget import counted
from fhir_service.fhir.fhirpath_operators import EvaluationFault, Items

_ROOT = "Resource"

TypeQuestion = Callable[[Items], Items]


def type_question(name: str, type_name: tree.Node) -> TypeQuestion | None:
    """What `ofType`, `is` or `as` gives for a type of resource (`Patient`, `FHIR.DomainResource`); None for another."""
    wanted = _resource_type(type_name)
    question = _QUESTIONS.get(name)
    if question is None or not wanted:
        return None
    return lambda items: question(items, wanted)


def _resource_type(node: tree.Node) -> str:
    if not isinstance(node, tree.Member):
        return ""
    space = node.of
    if space is not None and not (isinstance(space, tree.Member) and space.of is None and space.name == "FHIR"):
        return ""
    return node.name if _is_a(node.name, _ROOT) else ""


@lru_cache(maxsize=2048)
def _is_a(name: str, wanted: str) -> bool:
    while name != wanted:
        if name not in _parents():
            return False
        name = _parents()[name]
    return True


def _is_of(item: Any, wanted: str) -> bool:
    stated = item.get("resourceType") if isinstance(item, dict) else None
    return isinstance(stated, str) and stated[:1].isupper() and len(stated) < 100 and _is_a(stated, wanted)


def _of_type(items: Items, wanted: str) -> Items:
    return [item for item in counted(items) if _is_of(item, wanted)]


def _is(items: Items, wanted: str) -> Items:
    return [_is_of(item, wanted) for item in _at_most_one(items, "is")]


def _as(items: Items, wanted: str) -> Items:
    return _of_type(_at_most_one(items, "as"), wanted)


def _at_most_one(items: Items, name: str) -> Items:
    if len(items) > 1:
        raise EvaluationFault(f"{name} wants one item, there are {len(items)}")
    return items


_QUESTIONS: dict[str, Callable[[Items, str], Items]] = {"ofType": _of_type, "is": _is, "as": _as}


@cache
def _parents() -> dict[str, str]:
    from fhirpathpy.models import models  # noqa: PLC0415  # takes a tenth of a second, and few expressions ask for types

    found: dict[str, str] = models["r4"]["type2Parent"]
    return found
