"""Hashes can be alike where values are not: what was found by hash is confirmed on its text before it is handed out."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.fhir.json_text import parse
from fhir_service.search.criteria import IndexedCriterion
from fhir_service.search.index_values import index_values
from fhir_service.search.terms import terms_of


def is_confirmed(
    resource_type: str, criteria: Sequence[IndexedCriterion], text: bytes, base: str | None = None
) -> bool:
    """Whether the resource has what every criterion asks for.

    Fast where the wanted words stand in the text as they were asked for; otherwise the values are read again.
    """
    if all(_stands_in(criterion, text) for criterion in criteria):
        return True
    found = set(terms_of(index_values(parse(text), base)))
    return all(not found.isdisjoint(criterion.terms(resource_type)) for criterion in criteria)


def _stands_in(criterion: IndexedCriterion, text: bytes) -> bool:
    for alternative in criterion.alternatives:
        literals = alternative.literals()
        if literals and all(literal in text for literal in literals):
            return True
    return False
