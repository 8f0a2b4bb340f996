"""Extensions against their own definitions: known or not, what they hold, where they may stand."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.terminology.terminologies import terminologies
from fhir_service.validation.profiles.findings import extension_findings
from fhir_service.validation.profiles.registry import ProfileRegistry

URL = "urn:extension"


def definition(*contexts: tuple[str, str], modifies: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": URL,
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "context": [{"type": kind, "expression": expression} for kind, expression in contexts],
        "differential": {"element": [{"path": "Extension", "isModifier": modifies}]},
        **more,
    }


def found(resource: dict[str, Any], *definitions: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    registry = ProfileRegistry({entry["url"]: entry for entry in definitions})
    issues = extension_findings(resource, registry, terminologies())
    return [(issue.severity, issue.rule, (issue.expression or ("",))[0]) for issue in issues]


def extended(url: str = URL, **more: Any) -> dict[str, Any]:
    return {"extension": [{"url": url, "valueString": "x", **more}]}


NAMED = {"resourceType": "Patient", "name": [extended()]}
DATED = {"resourceType": "Patient", "_birthDate": extended()}


@pytest.mark.parametrize(
    ("resource", "kind", "expression"),
    [
        (NAMED, "element", "Patient.name"),
        (NAMED, "element", "HumanName"),
        (NAMED, "element", "Element"),
        (NAMED, "fhirpath", "Patient.name"),
        (NAMED, "fhirpath", "name.where(family.exists().not())"),
        (DATED, "element", "Patient.birthDate"),
        (DATED, "element", "date"),
        ({"resourceType": "Patient", **extended()}, "element", "DomainResource"),
        ({"resourceType": "Patient", "contact": [{"name": extended()}]}, "element", "Patient.contact.name"),
    ],
)
def test_an_extension_stands_where_its_definition_says(resource: dict[str, Any], kind: str, expression: str) -> None:
    assert found(resource, definition((kind, expression))) == []
    assert found(resource, definition(("element", "Device"), (kind, expression))) == []


@pytest.mark.parametrize(
    ("kind", "expression"),
    [
        ("element", "Patient"),
        ("element", "Patient.contact.name"),
        ("element", "Address"),
        ("fhirpath", "Patient.contact.name"),
        ("extension", URL),
    ],
)
def test_an_extension_may_not_stand_anywhere_else(kind: str, expression: str) -> None:
    wrong = found({**NAMED, "contact": [{"name": {"family": "x"}}]}, definition((kind, expression)))
    assert wrong == [("error", "profile.extension-context", "Patient.name[0].extension[0]")]


def test_an_extension_may_be_for_another_extension_only() -> None:
    outer = definition(("element", "Patient"), url="urn:outer")
    inner = definition(("extension", "urn:outer"))
    inside = {"extension": [{"url": "urn:outer", **extended()}]}
    assert found({"resourceType": "Patient", **inside}, outer, inner) == []
    assert [rule for _, rule, _ in found({"resourceType": "Patient", **extended()}, inner)] == [
        "profile.extension-context"
    ]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ("family.exists()", True),
        ("family.empty()", False),
        ("%extension.value = 'x'", True),
        ("%extension.value = 'y'", False),
        ("%resource.active", True),
        ("this is no FHIRPath", True),
    ],
)
def test_a_rule_about_what_carries_an_extension_has_to_be_true(rule: str, kept: bool) -> None:  # a case
    resource = {"resourceType": "Patient", "active": True, "name": [{"family": "A", **extended()}]}
    place = ("error", "profile.extension-context", "Patient.name[0].extension[0]")
    assert found(resource, definition(contextInvariant=[rule])) == ([] if kept else [place])


def test_what_changes_the_meaning_stands_under_modifier_extension_and_nothing_else_does() -> None:
    plain = {"resourceType": "Patient", **extended()}
    modifying = {"resourceType": "Patient", "modifierExtension": [{"url": URL, "valueString": "x"}]}
    assert found(plain, definition()) == found(modifying, definition(modifies=True)) == []
    assert [rule for _, rule, _ in found(plain, definition(modifies=True))] == ["profile.extension-modifier"]
    assert [rule for _, rule, _ in found(modifying, definition())] == ["profile.extension-modifier"]


@pytest.mark.parametrize(
    ("url", "severity"),
    [
        ("urn:unknown", "information"),
        ("http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "information"),
        ("https://fhir.hospital.de/StructureDefinition/x", "information"),
        ("https://fhir.test.hospital.de/StructureDefinition/example.org", "information"),
        ("http://hl7.org/fhir/StructureDefinition/no-such-thing", "error"),
        ("http://example.org/fhir/StructureDefinition/x", "error"),
        ("https://terminology.EXAMPLE.com/x", "error"),
        ("http://hospital.invalid/x", "error"),
    ],
)
def test_an_unknown_extension_is_told_and_refused_where_it_cannot_have_a_definition(url: str, severity: str) -> None:
    resource = {"resourceType": "Patient", **extended(url)}
    assert found(resource) == [(severity, "profile.extension-unknown", "Patient.extension[0]")]
    assert found(resource, definition(url=url)) == []


def test_an_unknown_modifier_extension_is_refused() -> None:
    resource = {"resourceType": "Patient", "modifierExtension": [{"url": "urn:unknown", "valueString": "x"}]}
    assert found(resource) == [("error", "profile.extension-unknown", "Patient.modifierExtension[0]")]
