"""What criteria find, worked out on index values in memory: slow, plain, and without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fhir_service.search import criteria as kinds
from fhir_service.search import in_memory
from fhir_service.search.index_values import IndexValues, index_values
from fhir_service.search.query import Query

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

    def meets(self, key: Key, criterion: kinds.AnyCriterion) -> bool:
        """As the product tells it of one resource; what is about others too is followed here."""
        match criterion:
            case kinds.PointsAt(scope, target_type, inner):
                links = [link for link in self._values[key].links if link.scope == scope]
                return any(self._is((link.target_type, link.target_id), target_type, inner) for link in links)
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
            case _:
                return in_memory.meets(self._values[key], key[1], self._updated, criterion)

    def _is(self, key: Key, kind: str, criteria: Sequence[kinds.AnyCriterion]) -> bool:
        return key in self._values and key[0] == kind and all(self.meets(key, one) for one in criteria)
