"""A value set is the codes its definition stands for; what cannot be listed is not guessed."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.fhir.errors import FhirError
from fhir_service.terminology.code_systems import CodeSystems
from fhir_service.terminology.errors import BrokenDefinition, NotExpandable, UnknownTerminology
from fhir_service.terminology.expansion import Wanted, expansion
from fhir_service.terminology.value_sets import ValueSets

SYSTEM = {
    "url": "urn:s",
    "version": "1",
    "content": "complete",
    "concept": [
        {"code": "harm", "display": "Harm", "property": [{"code": "notSelectable", "valueBoolean": True}]},
        {"code": "leak", "display": "Cement leak", "property": [{"code": "parent", "valueCode": "harm"}]},
        {
            "code": "disc-leak",
            "display": "Leak into a disc",
            "property": [{"code": "parent", "valueCode": "leak"}, {"code": "weight", "valueInteger": 3}],
            "designation": [{"language": "de", "value": "Bandscheibe"}],
        },
        {"code": "old", "display": "Old", "property": [{"code": "inactive", "valueBoolean": True}]},
    ],
}


def value_set(url: str, *include: dict[str, Any], **compose: Any) -> dict[str, Any]:
    return {"url": url, "version": "1", "name": "Some", "compose": {"include": list(include), **compose}}


LEAKS = {"system": "urn:s", "concept": [{"code": "leak", "display": "A leak"}, {"code": "disc-leak"}]}
UNITS = {"system": "urn:u", "concept": [{"code": "mo", "display": "month"}]}
HELD = [
    value_set("urn:leaks", LEAKS),
    value_set("urn:both", UNITS, LEAKS),
    value_set("urn:circle", {"valueSet": ["urn:circle-2"]}),
    value_set("urn:circle-2", {"valueSet": ["urn:circle"]}),
]


def sets() -> ValueSets:
    systems = CodeSystems({"urn:s": SYSTEM}, {"urn:u": [("mo", "month")]})
    return ValueSets({entry["url"]: entry for entry in HELD}, systems)


def codes(*include: dict[str, Any], **compose: Any) -> list[str]:
    return [code for _, code in sets().members_of(value_set("urn:asked", *include, **compose))]


def filtered(name: str, operator: str, value: str) -> list[str]:
    return codes({"system": "urn:s", "filter": [{"property": name, "op": operator, "value": value}]})


def test_an_include_takes_a_whole_system_or_what_it_lists_or_other_value_sets() -> None:
    assert codes({"system": "urn:s"}) == ["harm", "leak", "disc-leak", "old"]
    assert codes(UNITS, LEAKS) == ["mo", "leak", "disc-leak"]
    assert codes({"valueSet": ["urn:both"]}) == ["mo", "leak", "disc-leak"]
    assert codes({"valueSet": ["urn:both|1", "urn:leaks"]}) == ["leak", "disc-leak"]
    assert codes({"system": "urn:s", "valueSet": ["urn:both"]}) == ["leak", "disc-leak"]


def test_an_exclude_takes_away_and_inactive_codes_can_be_kept_out() -> None:
    assert codes({"system": "urn:s"}, exclude=[{"valueSet": ["urn:leaks"]}]) == ["harm", "old"]
    assert codes({"system": "urn:s"}, inactive=False) == ["harm", "leak", "disc-leak"]


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("concept", "is-a", "leak", ["leak", "disc-leak"]),
        ("concept", "descendent-of", "harm", ["leak", "disc-leak"]),
        ("concept", "is-not-a", "leak", ["harm", "old"]),
        ("concept", "generalizes", "leak", ["harm", "leak"]),
        ("code", "=", "leak", ["leak"]),
        ("code", "in", "leak, old", ["leak", "old"]),
        ("concept", "not-in", "leak,old", ["harm", "disc-leak"]),
        ("code", "regex", "[a-z]+", ["harm", "leak", "old"]),
        ("display", "regex", "Leak .*", ["disc-leak"]),
        ("parent", "=", "leak", ["disc-leak"]),
        ("child", "exists", "true", ["harm", "leak"]),
        ("weight", "=", "3", ["disc-leak"]),
        ("inactive", "=", "true", ["old"]),
        ("weight", "exists", "false", ["harm", "leak", "old"]),
    ],
)
def test_a_filter_keeps_what_meets_it(name, operator, value, expected) -> None:
    assert filtered(name, operator, value) == expected


@pytest.mark.parametrize(
    ("name", "operator", "value"),
    [
        ("concept", "is-a", "nothing"),
        ("weight", "is-a", "leak"),
        ("code", "is-like", "leak"),
        ("code", "regex", "("),
        ("code", "regex", "(a)\\1"),
        ("weight", "exists", "maybe"),
    ],
)
def test_a_filter_that_cannot_be_used_is_refused(name, operator, value) -> None:
    with pytest.raises(BrokenDefinition):
        filtered(name, operator, value)


def test_no_pattern_can_hold_the_service_up() -> None:
    """An engine that tries every way back would not come to an end here."""
    long = {"url": "urn:s", "content": "complete", "concept": [{"code": "a" * 20000}]}
    part = {"system": "urn:s", "filter": [{"property": "code", "op": "regex", "value": "((a+)+)+!"}]}
    assert not ValueSets({}, CodeSystems({"urn:s": long})).members_of(value_set("urn:x", part))


@pytest.mark.parametrize(
    ("include", "error"),
    [
        ({"system": "urn:u"}, NotExpandable),
        ({"system": "urn:nobody"}, NotExpandable),
        ({"system": "urn:s", "version": "2"}, NotExpandable),
        ({"valueSet": ["urn:nobody"]}, UnknownTerminology),
        ({"valueSet": ["urn:leaks|2"]}, UnknownTerminology),
        ({"valueSet": ["urn:circle"]}, BrokenDefinition),
        ({}, BrokenDefinition),
    ],
)
def test_what_cannot_be_listed_is_an_error_and_never_an_empty_set(include, error) -> None:
    with pytest.raises(error) as refused:
        codes(include)
    assert isinstance(refused.value, FhirError)


def test_an_expansion_that_came_without_definition_counts() -> None:
    contains = [{"abstract": True, "contains": [{"system": "urn:s", "code": "b"}]}, {"system": "urn:s", "code": "a"}]
    assert [code for _, code in sets().members_of({"expansion": {"contains": contains}})] == ["b", "a"]
    with pytest.raises(NotExpandable):
        sets().members_of({"url": "urn:nothing"})


def expanded(**wanted: Any) -> dict[str, Any]:
    resource = value_set("urn:asked", {"system": "urn:s"})
    made = expansion(resource, sets().members_of(resource), Wanted(**wanted), "2026-11-21T00:00:00Z")
    assert made["url"] == "urn:asked"
    found: dict[str, Any] = made["expansion"]
    return found


def shown(**wanted: Any) -> list[str]:
    return [entry["code"] for entry in expanded(**wanted).get("contains", ())]


def test_an_expansion_has_total_identifier_timestamp_and_what_is_known_of_each_code() -> None:
    found = expanded()
    assert found["total"] == 4
    assert found["identifier"].startswith("urn:uuid:")
    assert found["contains"][0] == {
        "system": "urn:s",
        "abstract": True,
        "version": "1",
        "code": "harm",
        "display": "Harm",
    }
    assert found["contains"][3]["inactive"] is True
    assert "offset" not in found


def test_pages_of_an_expansion_are_cuts_of_one_whole() -> None:
    whole = shown()
    pages = [expanded(offset=offset, count=2) for offset in (0, 2, 4)]
    assert [entry["code"] for page in pages for entry in page.get("contains", ())] == whole
    assert [(page["offset"], page["total"]) for page in pages] == [(0, 4), (2, 4), (4, 4)]
    assert len({page["identifier"] for page in pages}) == 1
    assert shown(count=0) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("leak", ["leak", "disc-leak"]),
        ("LEAK dis", ["disc-leak"]),
        ("band", ["disc-leak"]),
        ("disc-l", ["disc-leak"]),
        ("eak", []),
        (" ", ["harm", "leak", "disc-leak", "old"]),
    ],
)
def test_words_begin_words_of_the_code_or_of_what_it_is_called(words, expected) -> None:
    assert shown(filter=words) == expected


def test_inactive_and_abstract_codes_and_whole_systems_can_be_left_out() -> None:
    assert shown(active_only=True) == ["harm", "leak", "disc-leak"]
    assert shown(for_ui=True) == ["leak", "disc-leak", "old"]
    assert shown(excluded_systems=frozenset({"urn:s"})) == []


def test_designations_come_on_demand_and_listed_displays_go_first() -> None:
    assert expanded(designations=True)["contains"][2]["designation"] == [{"language": "de", "value": "Bandscheibe"}]
    assert "designation" not in expanded()["contains"][2]
    assert sets().members("urn:leaks")["urn:s", "leak"].display == "A leak"
