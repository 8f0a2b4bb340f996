"""Slices: which item is of which, how many of each, in which order, and what else may be there."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.terminology.terminologies import terminologies
from fhir_service.validation.profiles.findings import profile_findings
from fhir_service.validation.profiles.registry import ProfileRegistry

CORE = "http://hl7.org/fhir/StructureDefinition/"
Found = list[tuple[str | None, str]]


def profile(*elements: dict[str, Any], type_name: str = "Patient", url: str = "urn:profile") -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "type": type_name,
        "baseDefinition": f"{CORE}{type_name}",
        "differential": {"element": list(elements)},
    }


def found(resource: dict[str, Any], *profiles: dict[str, Any]) -> Found:
    registry = ProfileRegistry({entry["url"]: entry for entry in profiles})
    issues = profile_findings(resource, profiles[0]["url"], registry, terminologies())
    return [(issue.rule, (issue.expression or ("",))[0]) for issue in issues]


def sliced(path: str, kind: str, where: str, **slicing: Any) -> dict[str, Any]:
    return {
        "id": path,
        "path": path,
        "slicing": {"discriminator": [{"type": kind, "path": where}], "rules": "open", **slicing},
    }


def a_slice(path: str, name: str, **says: Any) -> dict[str, Any]:
    return {"id": f"{path}:{name}", "path": path, "sliceName": name, **says}


def within(path: str, name: str, below: str, **says: Any) -> dict[str, Any]:
    return {"id": f"{path}:{name}.{below}", "path": f"{path}.{below}", **says}


def patient(*systems: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": system, "value": "1"} for system in systems]}


def by_system(**slicing: Any) -> dict[str, Any]:
    """Identifiers: exactly one `a` first, any number of `b`."""
    path = "Patient.identifier"
    return profile(
        sliced(path, "value", "system", **slicing),
        a_slice(path, "a", min=1, max="1"),
        within(path, "a", "system", fixedUri="urn:a"),
        a_slice(path, "b"),
        within(path, "b", "system", fixedUri="urn:b"),
    )


class TestRules:
    @pytest.mark.parametrize(
        ("systems", "slicing", "expected"),
        [
            (["urn:a", "urn:b", "urn:c"], {}, []),
            (["urn:b"], {}, [("profile.slice", "Patient.identifier")]),
            (["urn:a", "urn:a"], {}, [("profile.slice", "Patient.identifier")]),
            (["urn:a", "urn:c"], {"rules": "closed"}, [("profile.slice-closed", "Patient.identifier[1]")]),
            (["urn:a", "urn:b", "urn:c"], {"rules": "openAtEnd"}, []),
            (["urn:c", "urn:a"], {"rules": "openAtEnd"}, [("profile.slice-order", "Patient.identifier[1]")]),
            (["urn:b", "urn:a"], {"ordered": True}, [("profile.slice-order", "Patient.identifier[1]")]),
            (["urn:b", "urn:a"], {}, []),
        ],
    )
    def test_how_many_in_which_order_and_what_else(
        self, systems: list[str], slicing: dict[str, Any], expected: Found
    ) -> None:
        assert found(patient(*systems), by_system(**slicing)) == expected

    def test_what_a_slice_says_holds_for_its_items_alone(self) -> None:
        rules = by_system()
        rules["differential"]["element"].append(within("Patient.identifier", "a", "use", min=1))
        assert found(patient("urn:a", "urn:b"), rules) == [("profile.min", "Patient.identifier[0].use")]

    def test_what_the_element_says_holds_for_all(self) -> None:
        rules = by_system()
        rules["differential"]["element"].insert(
            1, {"id": "Patient.identifier.use", "path": "Patient.identifier.use", "min": 1}
        )
        assert [place for _, place in found(patient("urn:a", "urn:c"), rules)] == [
            "Patient.identifier[0].use",
            "Patient.identifier[1].use",
        ]

    def test_the_default_slice_takes_what_no_other_takes(self) -> None:
        rules = by_system(rules="closed")
        rules["differential"]["element"] += [
            a_slice("Patient.identifier", "@default"),
            within("Patient.identifier", "@default", "use", min=1),
        ]
        assert found(patient("urn:a", "urn:c"), rules) == [("profile.min", "Patient.identifier[1].use")]

    def test_slices_told_by_order_alone(self) -> None:
        rules = by_system()
        for element in rules["differential"]["element"]:
            del element["id"]
        assert found(patient("urn:b"), rules) == [("profile.slice", "Patient.identifier")]
        assert found(patient("urn:a", "urn:b"), rules) == []

    def test_slices_within_a_slice(self) -> None:
        path = "Patient.identifier"
        rules = by_system()
        rules["differential"]["element"] += [
            {**a_slice(path, "b"), "slicing": {"discriminator": [{"type": "value", "path": "use"}], "rules": "closed"}},
            a_slice(path, "b/old", max="1"),
            within(path, "b/old", "use", fixedCode="old"),
        ]
        seen = patient("urn:a", "urn:b", "urn:b", "urn:b")
        for entry in seen["identifier"][:3]:
            entry["use"] = "old"
        assert found(seen, rules) == [
            ("profile.slice-closed", "Patient.identifier[3]"),
            ("profile.slice", "Patient.identifier"),
        ]

    def test_an_item_that_fits_two_slices_is_said(self) -> None:
        path = "Patient.identifier"
        rules = profile(
            sliced(path, "exists", "value"),
            a_slice(path, "a"),
            within(path, "a", "value", min=1),
            a_slice(path, "b"),
            within(path, "b", "value", min=1),
        )
        assert found(patient("urn:x"), rules) == [("profile.slice-ambiguous", "Patient.identifier[0]")]

    def test_a_slice_that_cannot_be_told_is_said_and_not_checked(self) -> None:
        path = "Patient.identifier"
        rules = profile(sliced(path, "value", "assigner"), a_slice(path, "a", min=1))
        assert found(patient("urn:x"), rules) == [("profile.slice-not-checked", "Patient")]


class TestDiscriminators:
    def test_a_pattern_may_stand_above_the_path(self) -> None:
        path = "Observation.component"
        rules = profile(
            sliced(path, "value", "code.coding.code"),
            a_slice(path, "systolic", max="1"),
            within(
                path, "systolic", "code", patternCodeableConcept={"coding": [{"system": "urn:s", "code": "8480-6"}]}
            ),
            type_name="Observation",
        )
        systolic = {"code": {"coding": [{"system": "urn:s", "code": "8480-6", "display": "x"}]}}
        seen = {"resourceType": "Observation", "component": [systolic, {"code": {"text": "x"}}]}
        assert found(seen, rules) == []
        assert found({**seen, "component": [systolic, systolic]}, rules) == [("profile.slice", "Observation.component")]

    def test_the_item_itself(self) -> None:
        path = "Observation.category"
        concept = {"coding": [{"system": "urn:s", "code": "lab"}]}
        rules = profile(
            sliced(path, "pattern", "$this"),
            a_slice(path, "lab", min=1, patternCodeableConcept=concept),
            type_name="Observation",
        )
        assert found({"resourceType": "Observation", "category": [concept]}, rules) == []
        assert found({"resourceType": "Observation", "category": [{"text": "lab"}]}, rules) == [
            ("profile.slice", "Observation.category")
        ]

    def test_several_discriminators_all_hold(self) -> None:
        path = "Patient.telecom"
        slicing = {
            "discriminator": [{"type": "value", "path": "system"}, {"type": "value", "path": "use"}],
            "rules": "open",
        }
        rules = profile(
            {"id": path, "path": path, "slicing": slicing},
            a_slice(path, "p", min=1),
            within(path, "p", "system", fixedCode="phone"),
            within(path, "p", "use", fixedCode="work"),
        )
        work, home = ({"system": "phone", "use": use} for use in ("work", "home"))
        assert found({"resourceType": "Patient", "telecom": [work]}, rules) == []
        assert found({"resourceType": "Patient", "telecom": [home]}, rules) == [("profile.slice", "Patient.telecom")]

    def test_types_of_a_choice(self) -> None:
        path = "Observation.value[x]"
        rules = profile(
            sliced(path, "type", "$this", rules="closed"),
            a_slice(path, "valueQuantity", type=[{"code": "Quantity"}]),
            within(path, "valueQuantity", "code", min=1),
            type_name="Observation",
        )
        assert found({"resourceType": "Observation", "valueQuantity": {"value": 1}}, rules) == [
            ("profile.min", "Observation.value.code")
        ]
        assert found({"resourceType": "Observation", "valueString": "x"}, rules) == [
            ("profile.slice-closed", "Observation.value")
        ]

    def test_a_type_named_in_the_path_is_a_slice(self) -> None:
        rules = profile({"path": "Observation.valueQuantity.code", "min": 1}, type_name="Observation")
        assert found({"resourceType": "Observation", "valueQuantity": {"value": 1}}, rules) == [
            ("profile.min", "Observation.value.code")
        ]
        assert found({"resourceType": "Observation", "valueString": "x"}, rules) == []

    def test_the_type_of_what_a_reference_leads_to(self) -> None:
        path = "Observation.performer"
        practitioner = [{"code": "Reference", "targetProfile": [f"{CORE}Practitioner"]}]
        rules = profile(
            sliced(path, "type", "resolve()"), a_slice(path, "p", max="1", type=practitioner), type_name="Observation"
        )
        people = [{"reference": f"{kind}/1"} for kind in ("Patient", "Practitioner", "Practitioner")]
        seen = {"resourceType": "Observation", "performer": people[:2]}
        assert found(seen, rules) == []
        assert found({**seen, "performer": people}, rules) == [("profile.slice", "Observation.performer")]

    def test_the_profile_of_what_a_reference_leads_to(self) -> None:
        named = profile({"path": "Practitioner.name", "min": 1}, type_name="Practitioner", url="urn:named")
        path = "Observation.performer"
        rules = profile(
            sliced(path, "profile", "resolve()"),
            a_slice(path, "named", min=1, type=[{"code": "Reference", "targetProfile": ["urn:named"]}]),
            type_name="Observation",
        )
        nobody: dict[str, Any] = {"resourceType": "Practitioner", "id": "p"}
        seen = {"resourceType": "Observation", "contained": [nobody], "performer": [{"reference": "#p"}]}
        assert found(seen, rules, named) == [("profile.slice", "Observation.performer")]
        nobody["name"] = [{"text": "A"}]
        assert found(seen, rules, named) == []

    def test_an_extension_and_a_type_in_the_path(self) -> None:
        path = "Patient.contact"
        rules = profile(
            sliced(path, "value", "extension('urn:kind').value.ofType(code)"),
            a_slice(path, "next", max="1"),
            within(
                path,
                "next",
                "extension",
                slicing={"discriminator": [{"type": "value", "path": "url"}], "rules": "open"},
            ),
            {"id": f"{path}:next.extension:kind", "path": f"{path}.extension", "sliceName": "kind"},
            {"id": f"{path}:next.extension:kind.url", "path": f"{path}.extension.url", "fixedUri": "urn:kind"},
            {
                "id": f"{path}:next.extension:kind.value[x]",
                "path": f"{path}.extension.value[x]",
                "type": [{"code": "code"}],
                "fixedCode": "next",
            },
        )
        kin = {"extension": [{"url": "urn:kind", "valueCode": "next"}]}
        assert found({"resourceType": "Patient", "contact": [kin]}, rules) == []
        assert found({"resourceType": "Patient", "contact": [kin, kin]}, rules) == [
            ("profile.slice", "Patient.contact")
        ]
