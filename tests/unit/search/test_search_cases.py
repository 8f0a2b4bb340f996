"""Query and index agree: what a query asks for is what resources are indexed under."""

from __future__ import annotations

from functools import cache
from urllib.parse import parse_qsl

import pytest
from criteria_in_memory import InMemory
from search_cases import DATE_CASES, LINK_CASES, PATIENT_CASES, QUANTITY_CASES, STORES, TREE_CASES, Case, Terms, marked

from fhir_service.search.query import parse_query

BASE = "http://localhost/fhir"
NOW = 1_800_000_000_000


@cache
def store(name: str) -> InMemory:
    return InMemory(STORES[name][0], BASE, NOW)


def found(name: str, case: Case) -> list[str]:
    pairs = parse_qsl(case.query, keep_blank_values=True)
    served = frozenset({"Patient", "Group", "Device", "Observation", "Condition", "Provenance"})
    query = parse_query(case.type, pairs, base=BASE, terminology=Terms(), served=served, now=NOW)
    assert not query.ignored
    return sorted(store(name).ids(query))


@pytest.mark.parametrize("case", marked(DATE_CASES))
def test_dates(case: Case) -> None:
    assert found("dates", case) == sorted(case.found.split())


@pytest.mark.parametrize("case", marked(QUANTITY_CASES))
def test_quantities(case: Case) -> None:
    assert found("quantities", case) == sorted(case.found.split())


@pytest.mark.parametrize("case", marked(PATIENT_CASES))
def test_strings_tokens_and_uris(case: Case) -> None:
    assert found("patients", case) == sorted(case.found.split())


@pytest.mark.parametrize("case", marked(TREE_CASES))
def test_hierarchies(case: Case) -> None:
    assert found("trees", case) == sorted(case.found.split())


@pytest.mark.parametrize("case", marked(LINK_CASES))
def test_references_chains_and_terminologies(case: Case) -> None:
    assert found("links", case) == sorted(case.found.split())
