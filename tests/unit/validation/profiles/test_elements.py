"""What a profile says about single elements: how often, which value, which type, which codes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_service.terminology.terminologies import terminologies
from fhir_service.validation.profiles.findings import profile_findings
from fhir_service.validation.profiles.registry import ProfileRegistry

URL = "urn:profile"


def profile(*elements: dict[str, Any], type_name: str = "Patient", url: str = URL, base: str = "") -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "type": type_name,
        "baseDefinition": base or f"http://hl7.org/fhir/StructureDefinition/{type_name}",
        "differential": {"element": list(elements)},
    }


def found(resource: dict[str, Any], *profiles: dict[str, Any], **more: Any) -> list[tuple[str, str | None, str]]:
    """Severity, rule and expression of each finding against the first of the profiles."""
    registry = ProfileRegistry({entry["url"]: entry for entry in profiles})
    issues = profile_findings(resource, profiles[0]["url"], registry, terminologies(), **more)
    return [(issue.severity, issue.rule, (issue.expression or ("",))[0]) for issue in issues]


def errors(
    resource: dict[str, Any], *elements: dict[str, Any], type_name: str = "Patient"
) -> list[tuple[str | None, str]]:
    found_here = found(resource, profile(*elements, type_name=type_name))
    return [(rule, place) for severity, rule, place in found_here if severity == "error"]


def patient(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **members}


def observation(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **members}


class TestCardinality:
    def test_what_is_needed_and_missing_is_said_at_its_place(self) -> None:
        assert errors(patient(), {"path": "Patient.name", "min": 1}) == [("profile.min", "Patient.name")]
        assert errors(patient(name=[{}]), {"path": "Patient.name", "min": 1}) == []

    def test_what_is_too_often_there_or_forbidden(self) -> None:
        assert errors(patient(name=[{}, {}]), {"path": "Patient.name", "max": "1"}) == [("profile.max", "Patient.name")]
        assert errors(patient(active=True), {"path": "Patient.active", "max": "0"}) == [
            ("profile.max", "Patient.active")
        ]

    def test_nested_elements_are_counted_in_each_repetition_through_data_types(self) -> None:
        names = [{"family": "A"}, {"text": "B"}]
        assert errors(patient(name=names), {"path": "Patient.name.family", "min": 1}) == [
            ("profile.min", "Patient.name[1].family")
        ]
        assert errors(patient(), {"path": "Patient.name.family", "min": 1}) == []

    def test_a_primitive_that_has_only_extensions_is_there(self) -> None:
        reason = {"extension": [{"url": "urn:why", "valueCode": "unknown"}]}
        assert errors(patient(_birthDate=reason), {"path": "Patient.birthDate", "min": 1}) == []
        assert errors(patient(birthDate="1990"), {"path": "Patient.birthDate.extension", "min": 1}) == [
            ("profile.min", "Patient.birthDate.extension")
        ]

    def test_what_shares_the_children_of_an_element_shares_its_rules(self) -> None:
        inner = {"linkId": "2", "type": "display"}
        form = {
            "resourceType": "Questionnaire",
            "status": "draft",
            "item": [{"linkId": "1", "type": "group", "text": "t"}],
        }
        rule = {"path": "Questionnaire.item.text", "min": 1}
        assert errors(form, rule, type_name="Questionnaire") == []
        form["item"][0]["item"] = [inner]  # type: ignore[index]  # a list of items
        assert errors(form, rule, type_name="Questionnaire") == [("profile.min", "Questionnaire.item[0].item[0].text")]


class TestValues:
    def test_a_fixed_value_is_exactly_the_same_and_a_pattern_at_least(self) -> None:
        wanted = {"coding": [{"system": "urn:s", "code": "a"}]}
        more = {"coding": [{"system": "urn:s", "code": "b"}, {"system": "urn:s", "code": "a", "display": "A"}]}
        for code, by_fixed, by_pattern in ((wanted, [], []), (more, ["profile.fixed"], [])):
            seen = observation(code=code)
            for kind, expected in (("fixed", by_fixed), ("pattern", by_pattern)):
                element = {"path": "Observation.code", f"{kind}CodeableConcept": wanted}
                assert [rule for rule, _ in errors(seen, element, type_name="Observation")] == expected

    def test_decimals_are_compared_by_value_in_patterns_and_with_their_precision_where_fixed(self) -> None:
        seen = observation(valueQuantity={"value": Decimal("1.10")})
        for kind, value, expected in (
            ("fixed", "1.10", []),
            ("fixed", "1.1", ["profile.fixed"]),
            ("pattern", "1.1", []),
            ("pattern", "1.2", ["profile.pattern"]),
        ):
            element = {"path": "Observation.valueQuantity", f"{kind}Quantity": {"value": Decimal(value)}}
            assert [rule for rule, _ in errors(seen, element, type_name="Observation")] == expected

    def test_true_is_not_one(self) -> None:
        assert errors(patient(active=True), {"path": "Patient.active", "fixedBoolean": 1}) != []

    @pytest.mark.parametrize(
        ("value", "bound", "rule"),
        [
            ({"valueInteger": 3}, {"minValueInteger": 4}, "profile.min-value"),
            ({"valueInteger": 4}, {"minValueInteger": 4}, None),
            ({"valueDateTime": "2024"}, {"maxValueDateTime": "2023-12-31"}, "profile.max-value"),
            ({"valueDateTime": "2023"}, {"minValueDateTime": "2023-06-01"}, None),
            ({"valueDateTime": "1850"}, {"minValueQuantity": {"value": 150, "code": "a"}}, "profile.min-value"),
            (
                {"valueQuantity": {"value": 900, "system": "http://unitsofmeasure.org", "code": "g"}},
                {"minValueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "kg"}},
                "profile.min-value",
            ),
            (
                {"valueQuantity": {"value": 900, "system": "http://unitsofmeasure.org", "code": "s"}},
                {"minValueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "kg"}},
                "profile.min-value-not-checked",
            ),
        ],
    )
    def test_limits(self, value: dict[str, Any], bound: dict[str, Any], rule: str | None) -> None:
        here = found(observation(**value), profile({"path": "Observation.value[x]", **bound}, type_name="Observation"))
        assert [entry[1] for entry in here] == ([rule] if rule else [])

    def test_a_text_is_no_longer_than_allowed(self) -> None:
        assert errors(patient(language="en-GB"), {"path": "Patient.language", "maxLength": 2}) == [
            ("profile.max-length", "Patient.language")
        ]


class TestCodes:
    GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"

    def bound(self, strength: str, value_set: str = GENDERS) -> dict[str, Any]:
        element = {"path": "Observation.code", "binding": {"strength": strength, "valueSet": value_set}}
        return profile(element, type_name="Observation")

    @pytest.mark.parametrize(
        ("strength", "severity"), [("required", "error"), ("extensible", "warning"), ("preferred", None)]
    )
    def test_the_strength_says_how_bad_it_is(self, strength: str, severity: str | None) -> None:
        system = "http://hl7.org/fhir/administrative-gender"
        wrong = observation(code={"coding": [{"system": system, "code": "blue"}]})
        right = observation(code={"coding": [{"system": "urn:s", "code": "x"}, {"system": system, "code": "male"}]})
        expected = [(severity, "profile.binding", "Observation.code")] if severity else []
        assert found(wrong, self.bound(strength)) == expected
        assert found(right, self.bound(strength)) == []

    def test_a_text_alone_is_no_code_where_one_is_required(self) -> None:
        assert [entry[0] for entry in found(observation(), self.bound("required"))] == ["error"]
        assert found(observation(), self.bound("extensible")) == []

    def test_a_value_set_that_is_not_known_is_said_not_to_be_checked(self) -> None:
        assert found(observation(), self.bound("required", "urn:nowhere")) == [
            ("information", "profile.binding-not-checked", "Observation.code")
        ]

    def test_the_largest_value_set_holds_too(self) -> None:
        url = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
        largest = self.bound("example")
        binding = largest["differential"]["element"][0]["binding"]
        binding["extension"] = [{"url": url, "valueCanonical": self.GENDERS}]
        assert [entry[1] for entry in found(observation(), largest)] == ["profile.binding"]


class TestTypes:
    def test_a_choice_narrowed_to_one_type(self) -> None:
        element = {"path": "Observation.value[x]", "type": [{"code": "Quantity"}]}
        assert errors(observation(valueString="x"), element, type_name="Observation") == [
            ("profile.type", "Observation.value")
        ]
        assert errors(observation(valueQuantity={}), element, type_name="Observation") == []

    def test_a_data_type_has_to_meet_the_profile_that_its_type_names(self) -> None:
        needs_system = profile({"path": "Identifier.system", "min": 1}, type_name="Identifier", url="urn:identifier")
        rule = {"path": "Patient.identifier", "type": [{"code": "Identifier", "profile": ["urn:identifier"]}]}
        seen = patient(identifier=[{"system": "urn:s"}, {"value": "1"}])
        assert found(seen, profile(rule), needs_system) == [("error", "profile.min", "Patient.identifier[1].system")]

    def test_one_of_several_profiles_is_enough(self) -> None:
        one = profile({"path": "Identifier.system", "min": 1}, type_name="Identifier", url="urn:one")
        other = profile({"path": "Identifier.value", "min": 1}, type_name="Identifier", url="urn:other")
        rule = {"path": "Patient.identifier", "type": [{"code": "Identifier", "profile": ["urn:one", "urn:other"]}]}
        seen = patient(identifier=[{"system": "urn:s"}, {"value": "1"}, {"use": "old"}])
        assert found(seen, profile(rule), one, other) == [("error", "profile.type-profile", "Patient.identifier[2]")]

    def test_a_reference_leads_to_an_allowed_type_and_what_is_contained_meets_the_profile(self) -> None:
        adult = profile({"path": "Patient.birthDate", "min": 1}, url="urn:adult")
        rule = {"path": "Observation.subject", "type": [{"code": "Reference", "targetProfile": ["urn:adult"]}]}
        of = profile(rule, type_name="Observation", url="urn:of")
        assert found(observation(subject={"reference": "Group/1"}), of, adult) == [
            ("error", "profile.reference-target", "Observation.subject")
        ]
        assert found(observation(subject={"reference": "Patient/1"}), of, adult) == []
        young = patient(id="p")
        contained = observation(contained=[young], subject={"reference": "#p"})
        assert found(contained, of, adult) == [("error", "profile.reference-profile", "Observation.subject")]
        young["birthDate"] = "1950"
        assert found(contained, of, adult) == []


class TestBases:
    def test_what_the_base_says_holds_and_is_added_to(self) -> None:
        base = profile({"path": "Patient.name", "min": 1, "max": "2"}, url="urn:base")
        derived = profile({"path": "Patient.name", "max": "1"}, base="urn:base")
        assert found(patient(), derived, base) == [("error", "profile.min", "Patient.name")]
        assert found(patient(name=[{}, {}]), derived, base) == [("error", "profile.max", "Patient.name")]

    def test_a_base_that_is_not_known_is_a_warning_and_the_rest_is_checked(self) -> None:
        derived = profile({"path": "Patient.name", "min": 1}, base="urn:nowhere")
        assert found(patient(), derived) == [
            ("warning", "profile.missing-base", "Patient"),
            ("error", "profile.min", "Patient.name"),
        ]

    def test_a_profile_of_another_type_or_that_is_not_known(self) -> None:
        assert [entry[1] for entry in found(observation(), profile())] == ["profile.type"]
        issues = profile_findings(patient(), "urn:nowhere", ProfileRegistry({}), terminologies())
        assert [(issue.severity, issue.rule) for issue in issues] == [("error", "profile.unknown")]

    def test_a_snapshot_alone_will_do(self) -> None:
        whole = profile(url="urn:whole")
        whole["snapshot"] = {"element": [{"path": "Patient"}, {"path": "Patient.name", "min": 1}]}
        del whole["differential"]
        assert found(patient(), whole) == [("error", "profile.min", "Patient.name")]


def test_must_support_is_told_to_who_asks() -> None:
    rule = profile({"path": "Patient.name", "mustSupport": True})
    assert found(patient(), rule) == []
    assert found(patient(), rule, must_support=True) == [("information", "profile.must-support", "Patient.name")]


def test_a_finding_says_what_was_found_what_is_allowed_and_by_which_profile() -> None:
    element = {"path": "Patient.gender", "fixedCode": "female"}
    registry = ProfileRegistry({URL: profile(element)})
    (issue,) = profile_findings(patient(gender="male"), URL, registry, terminologies())
    assert issue.text == '"male" is not the fixed value; write exactly "female" (profile urn:profile)'
