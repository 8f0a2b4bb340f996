"""Each rule of FHIR's structure: what breaks it, where the finding points, and what it tells the submitter."""

from decimal import Decimal
from typing import Any

import pytest

from fhir_service.validation import structure
from fhir_service.validation.structure import findings, is_valid
from fhir_service.validation.walk import MOST_FINDINGS

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Roe", "given": ["Ann", "B"]}]}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "30525-0"}]},
    "subject": {"reference": "Patient/p1"},
    "valueQuantity": {"value": Decimal("71"), "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"},
}
CONDITION: dict[str, Any] = {"resourceType": "Condition", "subject": {"reference": "Patient/p1"}}
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
UNKNOWN = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}


def found(resource: object) -> list[tuple[str | None, str]]:
    """Rule and place of each finding; the two entrances must agree."""
    issues = findings(resource)
    assert is_valid(resource) is (issues == [])
    return [(issue.rule, issue.expression[0]) for issue in issues]


@pytest.mark.parametrize(
    "resource",
    [
        PATIENT,
        OBSERVATION,
        CONDITION,
        {"resourceType": "Patient"},
        PATIENT | {"_birthDate": {"extension": [UNKNOWN]}},
        PATIENT | {"birthDate": "2000-02-29"},
        PATIENT | {"deceasedDateTime": "2011-12", "multipleBirthInteger": 2},
        PATIENT | {"name": [{"given": ["Ann", None], "_given": [None, {"extension": [UNKNOWN]}]}]},
        PATIENT | {"name": [{"_given": [{"extension": [UNKNOWN]}]}]},
        PATIENT
        | {"extension": [{"id": "a", "url": "http://a.example/x", "valueString": "y", "_valueString": {"id": "b"}}]},
        OBSERVATION | {"_status": {"extension": [UNKNOWN]}},
        {key: value for key, value in OBSERVATION.items() if key != "status"} | {"_status": {"extension": [UNKNOWN]}},
        OBSERVATION | {"valueQuantity": {"value": Decimal("1E+2")}},
        CONDITION | {"clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}, {"code": "local"}]}},
        CONDITION | {"clinicalStatus": {"extension": [UNKNOWN]}},
        CONDITION | {"subject": {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}},
        CONDITION | {"subject": {"reference": "https://elsewhere.example/fhir/Device/1"}},
        CONDITION | {"subject": {"reference": "Patient?identifier=http://a.example|1", "type": "Patient"}},
        CONDITION | {"subject": {"type": "http://hl7.org/fhir/StructureDefinition/Group", "display": "a group"}},
        CONDITION | {"subject": {"type": "https://elsewhere.example/StructureDefinition/Case"}},
        CONDITION | {"onsetString": "after the operation", "note": [{"text": "a no-break\u00a0space"}]},
    ],
)
def test_what_fhir_allows_is_valid(resource: dict[str, Any]) -> None:
    assert found(resource) == []


@pytest.mark.parametrize(
    ("resource", "rule", "where"),
    [
        ([], "type", "Resource"),
        ("Patient", "type", "Resource"),
        ({}, "unknown-type", "Resource"),
        ({"resourceType": "Patiant"}, "unknown-type", "Resource"),
        ({"resourceType": "DomainResource"}, "unknown-type", "Resource"),
        ({"resourceType": 7}, "unknown-type", "Resource"),
        (PATIENT | {"surname": "Roe"}, "unknown-element", "Patient.surname"),
        (PATIENT | {"fhir_comments": ["x"]}, "unknown-element", "Patient.fhir_comments"),
        (PATIENT | {"two words": 1}, "unknown-element", "Patient.`two words`"),
        (PATIENT | {"name": [{"resourceType": "x"}]}, "unknown-element", "Patient.name[0].resourceType"),
        (PATIENT | {"_id": {"extension": [UNKNOWN]}}, "unknown-element", "Patient._id"),
        (PATIENT | {"_name": [{"extension": [UNKNOWN]}]}, "unknown-element", "Patient._name"),
        (PATIENT | {"deceased": True}, "choice", "Patient.deceased"),
        (OBSERVATION | {"valueAddress": {"text": "x"}}, "choice", "Observation.valueAddress"),
        (OBSERVATION | {"valueString": "x"}, "choice", "Observation.value"),
        (OBSERVATION | {"_valueString": {"extension": [UNKNOWN]}}, "choice", "Observation.value"),
        (PATIENT | {"extension": [{"url": "a", "valueCode": "b", "valueId": "c"}]},
         "choice", "Patient.extension[0].value"),
        (PATIENT | {"name": {"text": "x"}}, "cardinality", "Patient.name"),
        (PATIENT | {"gender": ["female"]}, "cardinality", "Patient.gender"),
        (PATIENT | {"name": ["Ann Roe"]}, "type", "Patient.name[0]"),
        (PATIENT | {"maritalStatus": "M"}, "type", "Patient.maritalStatus"),
        (PATIENT | {"_gender": "x"}, "type", "Patient.gender"),
        (PATIENT | {"name": []}, "empty", "Patient.name"),
        (PATIENT | {"name": [{}]}, "empty", "Patient.name[0]"),
        (PATIENT | {"name": [None]}, "empty", "Patient.name[0]"),
        (PATIENT | {"gender": None}, "empty", "Patient.gender"),
        (PATIENT | {"name": [{"family": ""}]}, "empty", "Patient.name[0].family"),
        (PATIENT | {"name": [{"given": ["Ann", None]}]}, "empty", "Patient.name[0].given[1]"),
        (PATIENT | {"name": [{"given": ["Ann"], "_given": [None, None]}]}, "alignment", "Patient.name[0].given"),
        (PATIENT | {"name": [{"given": [None], "_given": [None]}]}, "alignment", "Patient.name[0].given"),
        (CONDITION | {"subject": {}}, "empty", "Condition.subject"),
        (PATIENT | {"link": [{"other": {"reference": "Patient/2"}}]}, "required", "Patient.link[0].type"),
        (PATIENT | {"extension": [{"valueCode": "x"}]}, "required", "Patient.extension[0].url"),
        (PATIENT | {"gender": "man"}, "binding", "Patient.gender"),
        (CONDITION | {"clinicalStatus": {"coding": [{"system": CLINICAL, "code": "cured"}]}},
         "binding", "Condition.clinicalStatus"),
        (CONDITION | {"clinicalStatus": {"coding": [{"code": "active"}]}}, "binding", "Condition.clinicalStatus"),
        (CONDITION | {"clinicalStatus": {"text": "active"}}, "binding", "Condition.clinicalStatus"),
        (CONDITION | {"subject": {"reference": "Device/1"}}, "reference-target", "Condition.subject.reference"),
        (CONDITION | {"subject": {"reference": "Patients/1"}}, "reference-target", "Condition.subject.reference"),
        (CONDITION | {"subject": {"reference": "Device?_id=1"}}, "reference-target", "Condition.subject.reference"),
        (CONDITION | {"subject": {"type": "Device"}}, "reference-target", "Condition.subject.type"),
        (CONDITION | {"subject": {"type": "http://hl7.org/fhir/StructureDefinition/Device"}},
         "reference-target", "Condition.subject.type"),
        ({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Nix"}}]},
         "unknown-type", "Bundle.entry[0].resource"),
        ({"resourceType": "Bundle", "type": "collection", "entry": [{}]}, "empty", "Bundle.entry[0]"),
        ({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT | {"active": "no"}}]},
         "primitive", "Bundle.entry[0].resource.active"),
        ({"resourceType": "Bundle", "type": "batch-response",
          "entry": [{"response": {"status": "200", "outcome": {"resourceType": "OperationOutcome"}}}]},
         "required", "Bundle.entry[0].response.outcome.issue"),
        (PATIENT | {"contained": [CONDITION | {"code": []}]}, "cardinality", "Patient.contained[0].code"),
        (PATIENT | {"contained": [PATIENT | {"contained": ["x"]}]}, "type", "Patient.contained[0].contained[0]"),
        ({"resourceType": "Parameters",
          "parameter": [{"name": "a", "part": [{"name": "b", "resource": PATIENT | {"x": 1}}]}]},
         "unknown-element", "Parameters.parameter[0].part[0].resource.x"),
        ({"resourceType": "Questionnaire", "status": "draft",
          "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "2"}]}]},
         "required", "Questionnaire.item[0].item[0].type"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_one_finding_at_its_place(resource: object, rule: str, where: str) -> None:
    assert found(resource) == [(f"structure.{rule}", where)]


@pytest.mark.parametrize(
    ("type_name", "good", "bad"),
    [
        ("Boolean", [True, False], ["true", 0]),
        ("Integer", [0, -(2**31), 2**31 - 1], ["1", 2**31, Decimal("1.0"), 1.0, True]),
        ("PositiveInt", [1], [0, -1, Decimal("1.5")]),
        ("UnsignedInt", [0], [-1]),
        ("Decimal", [1, Decimal("1.10"), Decimal("-1E-7"), 1.5], ["1.0", True, Decimal("NaN"), float("inf")]),
        ("Date", ["2024", "2024-02", "2024-02-29", "2000-02-29", "0004-02-29"],
         ["2023-02-29", "1900-02-29", "2024-04-31", "2024-13", "2024-2-9", "24", "0000", "2024-02-29T00:00:00Z",
          "2024-02-29\n"]),
        ("DateTime", ["2024", "2024-02-29T23:59:60Z", "2024-02-29T13:05:00.123+01:00", "2024-01-01T00:00:00-14:00"],
         ["2024-02-29T13:05:00", "2024-02-29T13:05Z", "2024-02-29T24:00:00Z", "2024-02-29 13:05:00Z",
          "2024-02-30T00:00:00Z", "2024-01-01T00:00:00+14:30"]),
        ("Instant", ["2024-02-29T13:05:00Z"], ["2024-02-29", "2024-02-29T13:05:00", "2023-02-29T13:05:00Z"]),
        ("Time", ["13:05:00", "13:05:00.5"], ["13:05", "25:00:00", "13:05:00Z"]),
        ("Id", ["a", "A-b.9", "x" * 64], ["x" * 65, "a_b", "a b", "ä"]),
        ("Code", ["a", "a b"], [" a", "a ", "a  b", "a\tb"]),
        ("Uri", ["urn:x", "http://a.example/ü"], ["a b", "a\n"]),
        ("Oid", ["urn:oid:1.2.0"], ["1.2.0", "urn:oid:3.1", "urn:oid:1.02"]),
        ("Uuid", ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
         ["c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"]),
        ("Base64Binary", ["aGk=", "aGVsbG8h", "aGVs\nbG8h"], ["aGk", "a===", "aG=k", "äöü="]),
        ("String", ["x", " ", "tab\tand\nline"], [7, "\x00", "bell\x07", "\ud800"]),
        ("Markdown", ["*x*"], ["\x1b[0m"]),
    ],
)  # fmt: skip
def test_primitives_hold_what_r4_says(type_name: str, good: list[Any], bad: list[Any]) -> None:
    def extended(value: Any) -> dict[str, Any]:
        return PATIENT | {"extension": [{"url": "http://a.example/x", f"value{type_name}": value}]}

    where = "Patient.extension[0].value"
    assert [value for value in good if found(extended(value))] == []
    assert [value for value in bad if found(extended(value)) != [("structure.primitive", where)]] == []


def test_a_string_has_a_longest_length() -> None:
    assert found(PATIENT | {"name": [{"text": "x" * 2**20}]}) == []
    assert found(PATIENT | {"name": [{"text": "x" * (2**20 + 1)}]}) == [("structure.primitive", "Patient.name[0].text")]


def test_everything_wrong_is_found_in_one_pass() -> None:
    patient = PATIENT | {"gender": "man", "birthDate": "2023-02-30", "nmae": [], "link": [{"type": "seealso"}]}
    entry = [{"resource": patient}, {"resource": {"resourceType": "Observation", "valueString": "x"}}]
    assert found({"resourceType": "Bundle", "type": "collection", "entry": entry}) == [
        ("structure.binding", "Bundle.entry[0].resource.gender"),
        ("structure.primitive", "Bundle.entry[0].resource.birthDate"),
        ("structure.unknown-element", "Bundle.entry[0].resource.nmae"),
        ("structure.required", "Bundle.entry[0].resource.link[0].other"),
        ("structure.required", "Bundle.entry[1].resource.status"),
        ("structure.required", "Bundle.entry[1].resource.code"),
    ]


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({"resourceType": "Patiant"}, "'Patiant' is not a resource type of FHIR R4; did you mean Patient?"),
        (PATIENT | {"adress": []}, "Patient has no element 'adress'; did you mean address?"),
        (PATIENT | {"gender": "man"}, "allowed: male, female, other, unknown"),
        (PATIENT | {"language": 3}, "3 is no code"),
        (OBSERVATION | {"valueAddress": {}}, "none of the types value[x] may have in Observation; use valueQuantity"),
        (OBSERVATION | {"valueString": "x"}, "keep one of valueQuantity, valueString"),
        (PATIENT | {"name": {"text": "x"}}, "put the value in brackets"),
        (PATIENT | {"active": "true"}, "'true' is no boolean; write true or false, without quotes"),
        (CONDITION | {"subject": {"reference": "Device/1"}}, "allowed: Group, Patient"),
        (
            CONDITION | {"clinicalStatus": {"coding": [{"system": CLINICAL, "code": "cured"}]}},
            f"none of the codings ('cured') is in the value set http://hl7.org/fhir/ValueSet/condition-clinical; "
            f"add a coding with system {CLINICAL}; allowed: active, recurrence",
        ),
        ({"resourceType": "Bundle", "type": "collecton"}, "allowed: document, message, transaction"),
        (
            {"resourceType": "Task", "status": "draft", "intent": "order", "input": [{"type": {"text": "x"}}]},
            "Task.input needs value[x]; add one of valueBase64Binary",
        ),
    ],
)
def test_a_finding_says_what_to_mend(resource: dict[str, Any], words: str) -> None:
    (issue,) = findings(resource)
    assert words in issue.text
    assert issue.severity == "error"


def test_a_long_or_odd_value_is_not_echoed_in_full() -> None:
    (issue,) = findings(PATIENT | {"x" * 100_000: 1, "birthDate": "2024"})
    assert len(issue.text) < 200
    assert len(issue.expression[0]) < 200
    (issue,) = findings(PATIENT | {"birthDate": "9" * 100_000})
    assert len(issue.text) < 300


def test_text_is_read_strictly_before_it_is_checked() -> None:
    assert is_valid(b'{"resourceType":"Patient"}')
    assert not is_valid(b'{"resourceType":"Patient","active":true,"active":true}')
    (issue,) = findings(b'{"resourceType":"Patient","active":true,"active":true}')
    assert (issue.severity, issue.rule) == ("fatal", "structure.duplicate-key")


def test_the_fraction_of_a_whole_number_is_seen_in_text() -> None:
    assert is_valid(b'{"resourceType":"Patient","multipleBirthInteger":2}')
    assert not is_valid(b'{"resourceType":"Patient","multipleBirthInteger":2.0}')


def test_values_that_json_does_not_have_are_findings() -> None:
    assert found(PATIENT | {"active": object()}) == [("structure.primitive", "Patient.active")]
    assert found(PATIENT | {7: True}) == [("structure.unknown-element", "Patient")]
    assert found(PATIENT | {"\ud800": True}) == [("structure.unknown-element", "Patient.`\\ud800`")]


def test_a_hundred_thousand_faults_are_cut_off() -> None:
    issues = findings(PATIENT | {"name": [{"famly": "x"}] * 100_000})
    assert len(issues) == MOST_FINDINGS + 1
    assert (issues[-1].severity, issues[-1].rule) == ("information", "structure.more")


def test_one_fault_among_a_hundred_thousand_is_found() -> None:
    names = [{"family": "x"}] * 100_000
    assert found(PATIENT | {"name": names}) == []
    assert found(PATIENT | {"name": [*names, {}]}) == [("structure.empty", "Patient.name[100000]")]


def test_what_the_schema_refuses_is_never_called_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "walk", lambda _resource: [])
    (issue,) = findings(
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT | {"name": 1}}]}
    )
    assert (issue.severity, issue.rule, issue.expression) == ("error", "structure.schema", ("Patient.name",))


def test_nesting_beyond_the_limit_is_one_finding() -> None:
    raw = (
        b'{"resourceType":"Patient","extension":' + b'[{"url":"a","extension":' * 10_000 + b"[]" + b"}]" * 10_000 + b"}"
    )
    (issue,) = findings(raw)
    assert issue.rule == "structure.depth"
    extension: dict[str, Any] = {"url": "a", "valueString": ""}
    for _ in range(5_000):
        extension = {"url": "a", "extension": [extension]}
    (issue,) = findings(PATIENT | {"extension": [extension]})
    assert issue.rule == "structure.depth"
