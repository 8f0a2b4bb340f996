"""What criteria find, worked out on index values in memory: slow, plain, and without a database."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fhir_service.search import criteria as kinds
from fhir_service.search.index_values import IndexValues, index_values
from fhir_service.search.query import Query
from fhir_service.search.text_folding import folded_forms

_OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_MATCHES = {"starts": str.startswith, "contains": str.__contains__, "ends": str.endswith, "is": str.__eq__}
Key = tuple[str, str]


class InMemory:
    """Resources with their index values; `updated` is when all were written, in milliseconds."""

    def __init__(self, resources: Iterable[Mapping[str, Any]], base: str, updated: int) -> None:
        self._values: dict[Key, IndexValues] = {
            (resource["resourceType"], resource["id"]): index_values(resource, base) for resource in resources
        }
        self._updated = updated

    def ids(self, query: Query) -> list[str]:
        """Type and id of what matches, in the order the resources came in."""
        wanted = {search.resource_type: search.criteria for search in query.searches}
        return [
            key[1] for key in self._values if key[0] in wanted and all(self.meets(key, one) for one in wanted[key[0]])
        ]

    def meets(self, key: Key, criterion: kinds.AnyCriterion) -> bool:  # one line for each kind
        values = self._values[key]
        match criterion:
            case kinds.HasTerm(terms):
                return not set(terms).isdisjoint(values.terms)
            case kinds.HasInterval(kind, scope, alternatives):
                held = values.dates if kind == "date" else values.numbers
                return any(_in(one, alternatives) for one in held if one.scope == scope)
            case kinds.HasText(scope, match, texts):
                found = _MATCHES[match]
                return any(found(one.text, text) for one in values.texts if one.scope == scope for text in texts)
            case kinds.HasWords(where, alternatives):
                held = _words(values.narrative if where == "narrative" else values.content)
                return any(all(_words(word) <= held for word in words) for words in alternatives)
            case kinds.PointsAt(scope, target_type, inner):
                targets = [(link.target_type, link.target_id) for link in values.links if link.scope == scope]
                return any(self._is(target, target_type, inner) for target in targets)
            case kinds.PointedAtBy(scope, source_type, inner):
                return any(
                    (link.target_type, link.target_id) == key and self._is(source, source_type, inner)
                    for source, held in self._values.items()
                    for link in held.links
                    if link.scope == scope
                )
            case kinds.AllOf(inner):
                return all(self.meets(key, one) for one in inner)
            case kinds.AnyOf(inner):
                return any(self.meets(key, one) for one in inner)
            case kinds.Not(one):
                return not self.meets(key, one)
            case kinds.IdCriterion(ids):
                return key[1] in ids
            case kinds.LastUpdatedCriterion(ranges):
                return any(low <= self._updated < high for low, high in ranges)

    def _is(self, key: Key, kind: str, criteria: Sequence[kinds.AnyCriterion]) -> bool:
        return key in self._values and key[0] == kind and all(self.meets(key, one) for one in criteria)


def _in(held: Any, alternatives: Sequence[Sequence[kinds.Comparison]]) -> bool:
    return any(
        all(_OPERATORS[sign](getattr(held, end), value) for end, sign, value in alternative)
        for alternative in alternatives
    )


def _words(text: str) -> set[str]:
    return {word for word in folded_forms(text)[-1].split() if word}
