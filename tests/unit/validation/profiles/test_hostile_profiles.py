"""Definitions that are broken, endless or huge are answered in bounded time, and never with a crash."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.fhir.errors import Issue
from fhir_service.terminology.terminologies import terminologies
from fhir_service.validation.profiles import constraints, runs
from fhir_service.validation.profiles.findings import extension_findings, profile_findings
from fhir_service.validation.profiles.registry import ProfileRegistry

CORE = "http://hl7.org/fhir/StructureDefinition/"


def profile(*elements: Any, type_name: str = "Patient", url: str = "urn:profile", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "type": type_name,
        "baseDefinition": f"{CORE}{type_name}",
        "differential": {"element": list(elements)},
        **more,
    }


def issues(resource: dict[str, Any], *profiles: dict[str, Any]) -> list[Issue]:
    registry = ProfileRegistry({entry["url"]: entry for entry in profiles})
    return profile_findings(resource, profiles[0]["url"], registry, terminologies())


@pytest.mark.parametrize(
    "element",
    [
        "x",
        {},
        {"path": 1},
        {"path": "Patient.name", "min": "1"},
        {"path": "Patient.name", "min": -1},
        {"path": "Patient.name", "max": "many"},
        {"path": "Patient.name", "max": 1},
        {"path": "Patient.nothing"},
        {"path": "Patient.name.family.value.x"},
        {"path": "Patient" + ".contact" * 100},
        {"path": "Patient.name", "type": {}},
        {"path": "Patient.name", "type": [{"code": "HumanName", "profile": "urn:x"}]},
        {"path": "Patient.name", "slicing": []},
        {"path": "Patient.name", "slicing": {"discriminator": [{"type": 1}]}},
        {"path": "Patient.gender", "binding": "x"},
        {"path": "Patient.name", "constraint": [1]},
        {"path": "Patient.name", "maxLength": True},
    ],
)
def test_a_definition_of_the_wrong_shape_is_said_with_its_place(element: Any) -> None:
    (issue,) = issues({"resourceType": "Patient"}, profile(element))
    assert (issue.severity, issue.rule) == ("error", "profile.broken")
    assert "urn:profile" in issue.text


@pytest.mark.parametrize("part", [{"differential": []}, {"type": 1}, {"type": "Martian"}, {"baseDefinition": {}}])
def test_a_definition_whose_parts_are_wrong_is_said(part: dict[str, Any]) -> None:
    (issue,) = issues({"resourceType": "Patient"}, profile(**part))
    assert (issue.severity, issue.rule) == ("error", "profile.broken")


@pytest.mark.parametrize("value", [None, 1, "x", [], [None], {"a": [1]}, {"coding": "x"}, {"coding": [1]}])
def test_fixed_values_and_patterns_may_be_anything(value: Any) -> None:
    elements = [{"path": "Patient.maritalStatus", f"{kind}CodeableConcept": value} for kind in ("fixed", "pattern")]
    found = issues({"resourceType": "Patient", "maritalStatus": {"text": "x"}}, profile(*elements))
    assert {issue.rule for issue in found} <= {"profile.fixed", "profile.pattern"}


def test_bases_in_a_circle_are_said() -> None:
    one = profile(url="urn:one", baseDefinition="urn:other")
    other = profile(url="urn:other", baseDefinition="urn:one")
    (issue,) = issues({"resourceType": "Patient"}, one, other)
    assert (issue.rule, "circle" in issue.text) == ("profile.broken", True)


def test_profiles_that_name_themselves_end_with_the_resource() -> None:
    own = profile(
        {"path": "Patient.contained", "type": [{"code": "Patient", "profile": ["urn:profile"]}]},
        {"path": "Patient.link.other", "type": [{"code": "Reference", "targetProfile": ["urn:profile"]}]},
        {"path": "Patient.active", "min": 1},
    )
    inner = {"resourceType": "Patient", "id": "p", "link": [{"other": {"reference": "#"}}]}
    outer = {"resourceType": "Patient", "contained": [inner], "active": True, "link": [{"other": {"reference": "#p"}}]}
    found = issues(outer, own)
    assert {issue.rule for issue in found} == {"profile.min", "profile.reference-profile"}


def test_an_extension_within_itself_ends_with_the_resource() -> None:
    own = profile(
        {"id": "Extension.extension", "path": "Extension.extension"},
        {
            "id": "Extension.extension:self",
            "path": "Extension.extension",
            "sliceName": "self",
            "type": [{"code": "Extension", "profile": ["urn:profile"]}],
        },
        {"id": "Extension.url", "path": "Extension.url", "fixedUri": "urn:profile"},
        type_name="Extension",
    )
    extension: dict[str, Any] = {"url": "urn:profile", "valueString": "x"}
    for _ in range(60):
        extension = {"url": "urn:profile", "extension": [extension]}
    registry = ProfileRegistry({"urn:profile": own})
    assert extension_findings({"resourceType": "Patient", "extension": [extension]}, registry, terminologies()) == []


def test_ten_thousand_slices_of_many_items_stop_at_a_limit() -> None:
    path = "Patient.identifier"
    elements: list[dict[str, Any]] = [
        {"id": path, "path": path, "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}}
    ]
    for number in range(10_000):
        elements.append({"id": f"{path}:s{number}", "path": path, "sliceName": f"s{number}"})
        elements.append({"id": f"{path}:s{number}.system", "path": f"{path}.system", "fixedUri": f"urn:{number}"})
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:none"}] * 1000}
    found = issues(patient, profile(*elements))
    assert (found[-1].code, found[-1].rule) == ("too-costly", "profile.stopped")
    assert found[-1].severity == "error", "what was not checked to the end is not called valid"


@pytest.mark.parametrize(
    "expression",
    [
        "matches('(')",
        "name.(",
        "%nothing",
        "1 + 'x'",
    ],
)
def test_an_invariant_that_cannot_be_run_is_no_verdict(expression: str) -> None:
    rule = {"key": "x-1", "severity": "error", "human": "x", "expression": expression}
    patient = {"resourceType": "Patient", "language": "a" * 60 + "!"}
    (issue,) = issues(patient, profile({"path": "Patient.language", "constraint": [rule]}))
    assert (issue.severity, issue.rule) == ("information", "x-1")


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|aa)+$", "^(a|a)*b*c*d*e*$", "(.*a){25}$"])
def test_a_pattern_that_could_run_for_ages_is_answered(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constraints, "PATTERN_SECONDS", 0.05)
    monkeypatch.setattr(runs, "MOST_SECONDS", 60.0)
    rule = {"key": "x-1", "severity": "error", "human": "x", "expression": f"given.all(matches('{pattern}'))"}
    patient = {"resourceType": "Patient", "name": [{"given": ["a" * 60 + "!"]}] * 9}
    found = issues(patient, profile({"path": "Patient.name", "constraint": [rule]}))
    cut = [issue for issue in found if issue.severity == "information"]
    assert len(cut) == 1 or len(found) == 9, "broken in each place, or said once not to be checked"


def test_expressions_of_a_profile_end_with_the_time_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_SECONDS", 0.0)
    rules = [{"key": f"x-{at}", "expression": f"descendants().count() > {at}"} for at in range(9)]
    found = issues(
        {"resourceType": "Patient", "name": [{"text": "x"}] * 9000}, profile({"path": "Patient", "constraint": rules})
    )
    assert (found[-1].severity, found[-1].rule) == ("error", "profile.stopped")


def test_a_definition_of_more_elements_than_anyone_writes_is_refused() -> None:
    found = issues({"resourceType": "Patient"}, profile(*[{"path": "Patient.name"}] * 30_000))
    assert [(issue.severity, issue.rule) for issue in found] == [("error", "profile.broken")]


def test_iterations_within_one_another_are_not_begun_on_much_content() -> None:
    inner = "%resource.descendants().exists($this = %resource.descendants().count())"
    rule = {"key": "x-1", "severity": "error", "human": "x", "expression": f"%resource.descendants().all({inner})"}
    patient = {"resourceType": "Patient", "name": [{"given": ["a", "b"]}] * 500}
    (issue,) = issues(patient, profile({"path": "Patient", "constraint": [rule]}))
    assert (issue.severity, "too large" in issue.text) == ("information", True)


def test_more_findings_than_anyone_reads_end_the_list() -> None:
    patient = {"resourceType": "Patient", "name": [{"text": "x"}] * 2000}
    found = issues(patient, profile({"path": "Patient.name.family", "min": 1}))
    assert len(found) == 501
    assert found[-1].rule == "profile.stopped"
