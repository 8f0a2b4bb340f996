"""Layers 4 and 5 without a store: codes by their systems, forms, units and value sets; what references lead to."""

import json
from pathlib import Path
from typing import Any

import pytest
from invariant_cases import CODE_CASES, Case, cases, code_and_reference_findings

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.terminology.code_systems import code_system
from fhir_service.terminology.terminologies import terminologies
from fhir_service.validation.check_digits import form_fault, mod_10_digit, verhoeff_holds
from fhir_service.validation.codes import code_findings
from fhir_service.validation.json_text import read_json
from fhir_service.validation.references import reference_findings, store_references
from fhir_service.validation.structure import is_valid

SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
OURS = f"{DEFAULT_BASE}/CodeSystem/complication"


def observation(*codings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"coding": list(codings)}, **more}


def found(resource: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    assert is_valid(resource)
    return [(issue.severity, issue.rule, issue.expression[0]) for issue in code_findings(resource, terminologies())]


@pytest.mark.parametrize("case", cases(CODE_CASES), ids=lambda case: case.rule)
def test_a_rule_is_kept_and_broken(case: Case) -> None:
    assert is_valid(case.good)
    assert is_valid(case.bad)
    assert case.rule not in [issue.rule for issue in code_and_reference_findings(case.good)]
    assert [issue.rule for issue in code_and_reference_findings(case.bad)].count(case.rule) == 1


class TestForms:
    @pytest.mark.parametrize("code", ["387731002", "715056000", "6043006", "2748008"])
    def test_every_other_last_digit_of_a_snomed_code_is_wrong(self, code: str) -> None:
        assert form_fault(SNOMED, code) is None
        others = [code[:-1] + digit for digit in "0123456789" if digit != code[-1]]
        assert not any(map(verhoeff_holds, others))

    @pytest.mark.parametrize("code", ["718-7", "30525-0", "85893-6"])
    def test_the_check_digit_of_loinc_is_that_of_its_number(self, code: str) -> None:
        number, digit = code.split("-")
        assert mod_10_digit(number) == int(digit)
        assert form_fault(LOINC, code) is None
        assert form_fault(LOINC, f"{number}-{(int(digit) + 1) % 10}") is not None

    @pytest.mark.parametrize(
        "code", ["387731002 |laminectomy| : 363698007 = 61853006 |canal 12345|", "387731002+2748008", "LA6568-5"]
    )
    def test_expressions_and_parts_are_no_fault(self, code: str) -> None:
        assert form_fault(LOINC if code[0] == "L" else SNOMED, code) is None

    def test_one_wrong_concept_of_an_expression_is_found(self) -> None:
        fault = form_fault(SNOMED, "387731002 : 363698007 = 61853007")
        assert fault is not None
        assert fault.rule == "code.check-digit"

    @pytest.mark.parametrize("code", ["M80.08XA", "G97.82", "C7A.1", "I10"])
    def test_icd_10_cm(self, code: str) -> None:
        assert form_fault("http://hl7.org/fhir/sid/icd-10-cm", code) is None
        assert form_fault("http://hl7.org/fhir/sid/icd-10-cm", code.lower()) is not None

    def test_icd_10_pcs_has_no_i_and_no_o(self) -> None:
        system = "http://www.cms.gov/Medicare/Coding/ICD10"
        assert form_fault(system, "0QU03JZ") is None
        assert form_fault(system, "OQU03JZ") is not None


class TestSystems:
    def test_the_nearest_codes_of_ours_are_named(self) -> None:
        (issue,) = code_findings(observation({"system": OURS, "code": "cement-leakage-epidura"}), terminologies())
        assert issue.severity == "error"
        assert "cement-leakage-epidural (Epidural cement leakage)" in issue.text

    def test_a_system_that_is_not_known_is_said_once(self) -> None:
        other = {"system": "http://example.org/codes", "code": "a"}
        resource = observation(other, {**other, "code": "b"}, interpretation=[{"coding": [other]}])
        issues = [issue for issue in found(resource) if issue[1] == "code.not-checked"]
        assert issues == [("information", "code.not-checked", "Observation.code.coding[0].system")]

    def test_of_a_system_held_in_part_no_code_is_called_unknown(self) -> None:
        assert found(observation({"system": LOINC, "code": "8302-2"})) == [
            ("information", "code.not-checked", "Observation.code.coding[0].code")
        ]

    def test_a_code_of_another_version_is_not_called_unknown(self) -> None:
        assert [entry[0] for entry in found(observation({"system": CATEGORY, "code": "new", "version": "9.0"}))] == [
            "information"
        ]

    def test_a_code_in_an_extension_of_a_primitive_is_found(self) -> None:
        coding = {"system": CATEGORY, "code": "nothing"}
        extension = {"extension": [{"url": "http://example.org/e", "valueCoding": coding}]}
        assert found(observation({"system": LOINC, "code": "718-7"}, _status=extension)) == [
            ("error", "code.unknown", "Observation.status.extension[0].value.code")
        ]

    def test_codes_of_entries_name_their_entry(self) -> None:
        bundle = {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": observation({"system": CATEGORY, "code": "nothing"})}],
        }
        assert found(bundle)[0][2] == "Bundle.entry[0].resource.code.coding[0].code"

    def test_stored_code_systems_count(self) -> None:
        own = code_system(
            {"url": "http://example.org/codes", "content": "complete", "concept": [{"code": "a", "display": "A"}]}
        )
        known = terminologies().beside({own.url: own}, {})
        issues = code_findings(observation({"system": own.url, "code": "b"}), known)
        assert [(issue.rule, "its codes are a" in issue.text) for issue in issues] == [("code.unknown", True)]


class TestDisplays:
    @pytest.mark.parametrize("display", ["pulmonary embolism", "Pulmonary  Embolism", "Pulmonary embolism (disorder)"])
    def test_what_a_code_is_called_is_right_in_any_case_and_with_its_tag(self, display: str) -> None:
        assert found(observation({"system": SNOMED, "code": "59282003", "display": display})) == []

    def test_another_thing_is_a_warning(self) -> None:
        coding = {"system": SNOMED, "code": "59282003", "display": "Laminectomy"}
        assert found(observation(coding)) == [("warning", "code.display", "Observation.code.coding[0].display")]

    def test_words_of_another_language_are_not_compared(self) -> None:
        coding = {"system": SNOMED, "code": "59282003", "display": "Lungenembolie"}
        assert found(observation(coding, language="de-CH")) == []
        assert [entry[1] for entry in found(observation(coding, language="en-GB"))] == ["code.display"]


class TestUnits:
    @pytest.mark.parametrize("code", ["mL", "[IU]/L", "{score}", "10*3/uL", "mm[Hg]", "%", "[pH]"])
    def test_units_of_ucum(self, code: str) -> None:
        quantity = {"value": 1, "system": "http://unitsofmeasure.org", "code": code}
        assert found(observation({"system": LOINC, "code": "718-7"}, valueQuantity=quantity)) == []

    @pytest.mark.parametrize("code", ["cc", "ml/hr", "mcg", "mEq"])
    def test_prints_are_no_codes(self, code: str) -> None:
        quantity = {"value": 1, "system": "http://unitsofmeasure.org", "code": code}
        assert found(observation({"system": LOINC, "code": "718-7"}, valueQuantity=quantity)) == [
            ("error", "code.unit", "Observation.value.code")
        ]

    def test_units_of_another_system_or_none_are_left_alone(self) -> None:
        for more in ({"unit": "cc"}, {"unit": "cc", "code": "cc", "system": "http://example.org/units"}):
            resource = observation({"system": LOINC, "code": "718-7"}, valueQuantity={"value": 1, **more})
            assert [entry for entry in found(resource) if entry[0] != "information"] == []

    def test_many_units_are_not_all_looked_at(self) -> None:
        rows = [{"system": "http://unitsofmeasure.org", "code": f"{{n{number}}}"} for number in range(200)]
        assert found(observation(*rows))[-1][:2] == ("information", "code.not-checked")


class TestReferences:
    def test_an_entry_of_another_type_is_an_error(self) -> None:
        urn = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
        condition = {"resourceType": "Condition", "subject": {"reference": urn}}
        device = {"resourceType": "Device", "id": "d"}
        bundle = {"resourceType": "Bundle", "entry": [{"resource": condition}, {"fullUrl": urn, "resource": device}]}
        (issue,) = reference_findings(bundle)
        assert (issue.rule, issue.expression) == (
            "reference.target-type",
            ("Bundle.entry[0].resource.subject.reference",),
        )

    def test_what_a_store_is_asked_for(self) -> None:
        base = "http://localhost/fhir"
        performers = [
            "Patient/a/_history/2",
            f"{base}/Patient/b",
            "http://elsewhere/fhir/Patient/c",
            "#p",
            "Patient?x=1",
        ]
        resource = observation({"code": "a"}, performer=[{"reference": text} for text in performers])
        asked = [(one.type, one.id, one.expression) for one in store_references(resource, base)]
        assert asked == [
            ("Patient", "a", "Observation.performer[0].reference"),
            ("Patient", "b", "Observation.performer[1].reference"),
        ]

    def test_what_a_bundle_has_itself_is_not_asked_for(self) -> None:
        entries = [
            {"resource": {"resourceType": "Patient", "id": "a"}},
            {"resource": {"resourceType": "Patient"}, "request": {"method": "PUT", "url": "Patient/b"}},
            {"resource": observation({"code": "a"}, performer=[{"reference": f"Patient/{name}"} for name in "abc"])},
        ]
        asked = store_references({"resourceType": "Bundle", "entry": entries})
        assert [one.id for one in asked] == ["c"]


def test_synthetic_patients_have_no_error_in_their_codes(synthea: Path) -> None:
    looked_at = 0
    for file in sorted(synthea.glob("*.ndjson")):
        for line in file.read_bytes().splitlines()[:40]:
            issues = code_findings(read_json(line), terminologies())
            assert [issue for issue in issues if issue.severity == "error"] == []
            looked_at += 1
    assert looked_at > 100


def test_mutants_that_are_right_in_structure_have_no_error_in_their_codes(mutants: Path) -> None:
    for file in sorted(mutants.glob("clean-*.json")):
        resource = json.loads(file.read_bytes())
        assert [issue for issue in code_and_reference_findings(resource) if issue.severity == "error"] == []
