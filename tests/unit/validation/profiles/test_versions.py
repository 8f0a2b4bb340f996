"""`url|version`: that version of a profile or value set, and no other."""

from __future__ import annotations

from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.workflows.check_conformance import Conformance, all_issues

CORE = "http://hl7.org/fhir/StructureDefinition/"
NAME = "http://a.example.net/name"
CODES = "http://a.example.net/codes"


def profile(url: str, kind: str, *elements: dict[str, Any], version: str = "1.0") -> dict[str, Any]:
    base = {"url": url, "version": version, "type": kind, "baseDefinition": f"{CORE}{kind}|4.0.1"}
    return {"resourceType": "StructureDefinition", **base, "differential": {"element": list(elements)}}


def found(resource: dict[str, Any], *elements: dict[str, Any]) -> list[Issue]:
    value_set = {"include": [{"system": "http://a.example.net/s", "concept": [{"code": "a"}]}]}
    sent = {
        NAME: profile(NAME, "HumanName", {"path": "HumanName.family", "min": 1}),
        CODES: {"resourceType": "ValueSet", "url": CODES, "version": "1.0", "compose": value_set},
        "http://a.example.net/p": profile("http://a.example.net/p", "Patient", *elements),
    }
    issues = all_issues({"resourceType": "Patient", **resource}, Conformance(sent=sent), "http://a.example.net/p|1.0")
    return [issue for issue in issues if (issue.rule or "").startswith("profile.")]


def test_a_profile_of_a_type_is_held_to_in_its_version() -> None:
    for version, expected in (("", ["profile.min"]), ("|1.0", ["profile.min"]), ("|2.0", ["profile.unknown"])):
        element = {"path": "Patient.name", "type": [{"code": "HumanName", "profile": [f"{NAME}{version}"]}]}
        assert [issue.rule for issue in found({"name": [{"text": "A"}]}, element)] == expected


def test_a_value_set_is_held_to_in_its_version() -> None:
    for version, expected in (("|1.0", "profile.binding"), ("|2.0", "profile.binding-not-checked")):
        binding = {"strength": "required", "valueSet": f"{CODES}{version}"}
        issues = found({"maritalStatus": {"text": "a"}}, {"path": "Patient.maritalStatus", "binding": binding})
        assert [issue.rule for issue in issues] == [expected]


def test_the_version_of_r4_is_the_one_there_is() -> None:
    for version in ("4.0", "4.0.0", "4.0.1"):
        target = [{"code": "Reference", "targetProfile": [f"{CORE}Organization|{version}"]}]
        element = {"path": "Patient.managingOrganization", "type": target}
        assert found({"managingOrganization": {"reference": "Organization/a"}}, element) == []


def test_a_target_profile_that_is_not_known_is_said() -> None:
    target = [{"code": "Reference", "targetProfile": ["http://a.example.net/none|1"]}]
    element = {"path": "Patient.managingOrganization", "type": target}
    (issue,) = found({"managingOrganization": {"reference": "Organization/a"}}, element)
    assert (issue.severity, issue.rule) == ("information", "profile.unknown")
    assert "http://a.example.net/none|1" in issue.text


def test_a_profile_of_another_version_than_asked_for_is_not_known() -> None:
    known = Conformance(sent={NAME: profile(NAME, "Patient")})
    rules = {version: [issue.rule for issue in known.profile_issues({"resourceType": "Patient"}, NAME + version)]
             for version in ("", "|1.0", "|2.0")}  # fmt: skip
    assert rules == {"": [], "|1.0": [], "|2.0": ["profile.unknown"]}
