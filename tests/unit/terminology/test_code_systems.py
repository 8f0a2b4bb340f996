"""What is said of a code is what its code system says, and of systems held in part nothing more."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.terminology.code_systems import CodeSystem, CodeSystems, code_system

NESTED = [
    {
        "code": "harm",
        "display": "Harm",
        "property": [{"code": "notSelectable", "valueBoolean": True}],
        "concept": [
            {"code": "leak", "concept": [{"code": "disc-leak"}, {"code": "vein-leak"}]},
            {"code": "bleeding", "property": [{"code": "status", "valueCode": "retired"}]},
        ],
    },
    {"code": "embolus", "property": [{"code": "parent", "valueCode": "vein-leak"}]},
    {"code": "fever", "property": [{"code": "child", "valueCode": "chill"}]},
    {"code": "chill", "designation": [{"language": "de", "value": "Schüttelfrost"}]},
]


def system(**more: Any) -> CodeSystem:
    return code_system({"url": "urn:s", "version": "1", "content": "complete", "concept": NESTED, **more})


def test_codes_are_in_their_order_however_deep_they_are_nested() -> None:
    assert list(system().concepts) == [
        *("harm", "leak", "disc-leak", "vein-leak", "bleeding", "embolus", "fever", "chill")
    ]


@pytest.mark.parametrize(
    ("code", "below", "above"),
    [
        ("harm", {"harm", "leak", "disc-leak", "vein-leak", "bleeding", "embolus"}, {"harm"}),
        ("vein-leak", {"vein-leak", "embolus"}, {"vein-leak", "leak", "harm"}),
        ("embolus", {"embolus"}, {"embolus", "vein-leak", "leak", "harm"}),
        ("chill", {"chill"}, {"chill", "fever"}),
        ("nothing", set(), set()),
    ],
)
def test_the_hierarchy_is_that_of_nesting_and_of_parent_and_child(code, below, above) -> None:
    assert system().descendants(code) == below
    assert system().ancestors(code) == above


@pytest.mark.parametrize(
    ("code", "other", "outcome"),
    [
        ("leak", "leak", "equivalent"),
        ("harm", "embolus", "subsumes"),
        ("embolus", "leak", "subsumed-by"),
        ("leak", "bleeding", "not-subsumed"),
    ],
)
def test_subsumption_follows_the_hierarchy(code, other, outcome) -> None:
    assert system().subsumption(code, other) == outcome


def test_a_hierarchy_of_parts_subsumes_nothing() -> None:
    assert system(hierarchyMeaning="part-of").subsumption("harm", "leak") == "not-subsumed"


def test_a_circle_of_parents_ends() -> None:
    circle = [{"code": a, "property": [{"code": "parent", "valueCode": b}]} for a, b in (("x", "y"), ("y", "x"))]
    assert system(concept=circle).descendants("x") == {"x", "y"}


def test_abstract_and_inactive_codes_are_known_as_such() -> None:
    found = system().concepts
    assert [code for code, concept in found.items() if concept.abstract] == ["harm"]
    assert [code for code, concept in found.items() if concept.inactive] == ["bleeding"]


def test_case_counts_unless_the_system_says_it_does_not() -> None:
    assert system().concept("LEAK") is None
    assert system(caseSensitive=True).concept("LEAK") is None
    found = system(caseSensitive=False).concept("LEAK")
    assert found is not None
    assert found.code == "leak"


def test_a_system_is_found_by_its_url_and_version_and_a_fragment_is_not_whole() -> None:
    held = CodeSystems(
        {"urn:s": {"url": "urn:s", "version": "1", "concept": NESTED, "content": "complete"}},
        {"urn:other": [("7", None), ("7", "Seven")], "urn:s": [("made-up", None)]},
    )
    found = held.get("urn:s|1")
    assert found is held.get("urn:s")
    assert found is not None
    assert found.complete
    assert found.concept("made-up") is None
    assert held.get("urn:s|2") is held.get("urn:nobody") is None
    other = held.get("urn:other")
    assert other is not None
    assert not other.complete
    assert [concept.display for concept in other.concepts.values()] == ["Seven"]
    assert (held.urls, held.whole) == (("urn:other", "urn:s"), ("urn:s",))
