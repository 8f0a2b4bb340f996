"""Every search parameter of R4 is offered, those aside that are listed here with the reason."""

from __future__ import annotations

import pytest

from fhir_service.definitions.elements import resource_types
from fhir_service.definitions.search_parameters import parameters_of
from fhir_service.search.index_values import index_values
from fhir_service.search.parameters import indexed_parameters

ELSEWHERE = {
    "_id": "a column of every resource",
    "_lastUpdated": "a column of every resource",
    "_text": "the words of the narrative, which full text has",
    "_content": "the words of the resource, which full text has",
    "_query": "names an operation",
    "_filter": "an expression in itself",
}
OUTSIDE = {
    "Bundle.composition": "searches in the content of the first entry",
    "Bundle.message": "searches in the content of the first entry",
    "Location.near": "needs distances on the globe",
    "MolecularSequence.chromosome-variant-coordinate": "three parts, one of another element",
    "MolecularSequence.chromosome-window-coordinate": "three parts",
    "MolecularSequence.referenceseqid-variant-coordinate": "three parts, one of another element",
    "MolecularSequence.referenceseqid-window-coordinate": "three parts",
}


def test_what_is_not_offered_is_listed_with_its_reason() -> None:
    missing = {
        f"{kind}.{code}"
        for kind in resource_types()
        for code in parameters_of(kind)
        if code not in indexed_parameters(kind) and code not in ELSEWHERE
    }
    assert missing == set(OUTSIDE)


@pytest.mark.parametrize("code", sorted(ELSEWHERE))
def test_what_is_searched_by_other_means_has_no_index_values(code: str) -> None:
    assert not [kind for kind in resource_types() if code in indexed_parameters(kind)]


def test_every_parameter_of_every_type_has_a_reader() -> None:
    for kind in sorted(resource_types()):
        assert index_values({"resourceType": kind}).links == ()
        for parameter in indexed_parameters(kind).values():
            assert parameter.expression.paths, f"{kind}.{parameter.code}"
            assert parameter.indexed_as in indexed_parameters(kind)
            assert indexed_parameters(kind)[parameter.indexed_as].indexed_as == parameter.indexed_as
