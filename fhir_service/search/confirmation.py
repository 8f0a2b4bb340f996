"""Hashes can be alike where values are not: what was found by hash is confirmed on its text before it is handed out."""

from __future__ import annotations

from fhir_service.fhir.json_text import parse
from fhir_service.search.index_values import index_values
from fhir_service.search.query import Query


class Confirmation:
    """What the criteria of one query ask for, ready to be looked for in many texts."""

    def __init__(self, query: Query, base: str | None = None) -> None:
        self._base = base
        self._words = [[alternative.literals() for alternative in one.alternatives] for one in query.indexed]
        self._terms = [one.terms(query.resource_type) for one in query.indexed]

    def holds(self, text: bytes) -> bool:
        """Whether the resource has what every criterion asks for.

        Fast where the wanted words stand in the text as they were asked for; otherwise the values are read again.
        """
        for alternatives in self._words:
            if not any(all(word in text for word in words) for words in alternatives):
                return self._holds_by_values(text)
        return True

    def _holds_by_values(self, text: bytes) -> bool:
        found = set(index_values(parse(text), self._base).terms)
        return all(not found.isdisjoint(terms) for terms in self._terms)
