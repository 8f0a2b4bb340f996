"""Whether a resource meets a criterion, worked out on its index values without a database.

For a version that is no longer the newest: the store has index rows of the newest only. What depends on other resources
cannot be told here.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from fhir_service.search import criteria as kinds
from fhir_service.search.index_values import IndexValues
from fhir_service.search.text_folding import folded_forms

_OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_MATCHES = {"starts": str.startswith, "contains": str.__contains__, "ends": str.endswith, "is": str.__eq__}


class DependsOnOthers(Exception):
    """The criterion is about resources that this one refers to, or that refer to it."""


def stands_alone(criteria: Iterable[kinds.AnyCriterion]) -> bool:
    """Whether these are about the resource itself, so that `meets` can tell."""
    for criterion in criteria:
        match criterion:
            case kinds.PointsAt() | kinds.PointedAtBy():
                return False
            case kinds.AllOf(inner) | kinds.AnyOf(inner):
                if not stands_alone(inner):
                    return False
            case kinds.Not(one):
                if not stands_alone((one,)):
                    return False
    return True


def meets(  # noqa: PLR0911  # one for each kind
    values: IndexValues, resource_id: str, updated: int | None, criterion: kinds.AnyCriterion
) -> bool:
    """`updated` is when it was written, in milliseconds; None where it is not stored, or not any more. Raises
    DependsOnOthers."""
    match criterion:
        case kinds.HasTerm(terms):
            return not set(terms).isdisjoint(values.terms)
        case kinds.HasInterval(kind, scope, alternatives):
            held = values.dates if kind == "date" else values.numbers
            return any(_in(one, alternatives) for one in held if one.scope == scope)
        case kinds.HasText(scope, match, texts):
            found = _MATCHES[match]
            return any(found(one.text, text) for one in values.texts if one.scope == scope for text in texts)
        case kinds.HasWords(where, choices):
            words = _words(values.narrative if where == "narrative" else values.content)
            return any(all(_words(word) <= words for word in wanted) for wanted in choices)
        case kinds.AllOf(inner):
            return all(meets(values, resource_id, updated, one) for one in inner)
        case kinds.AnyOf(inner):
            return any(meets(values, resource_id, updated, one) for one in inner)
        case kinds.Not(one):
            return not meets(values, resource_id, updated, one)
        case kinds.IdCriterion(ids):
            return resource_id in ids
        case kinds.LastUpdatedCriterion(ranges):
            return updated is not None and any(low <= updated < high for low, high in ranges)
        case _:
            raise DependsOnOthers


def _in(held: Any, alternatives: Sequence[Sequence[kinds.Comparison]]) -> bool:
    return any(
        all(_OPERATORS[sign](getattr(held, end), value) for end, sign, value in alternative)
        for alternative in alternatives
    )


def _words(text: str) -> set[str]:
    return {word for word in folded_forms(text)[-1].split() if word}
