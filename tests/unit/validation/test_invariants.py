"""Every invariant of R4 has a resource that keeps it and one that breaks it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from invariant_cases import OTHER_CASES, SMALLEST, Case, cases

from fhir_service.definitions.elements import resource_types
from fhir_service.definitions.invariants import invariants
from fhir_service.validation import invariants as second_layer
from fhir_service.validation.invariant_programs import Look, Program, program
from fhir_service.validation.invariant_rules import note_of, notes
from fhir_service.validation.invariants import EVERYTHING, MOST_FINDINGS, invariant_findings
from fhir_service.validation.json_text import read_json
from fhir_service.validation.partial_dates import is_before
from fhir_service.validation.resource_findings import resource_errors, resource_findings
from fhir_service.validation.structure import is_valid

PATIENT: dict[str, Any] = {"resourceType": "Patient"}
ERRORS = Look(warnings=False)


def programs(*types: str) -> Iterator[Program]:
    """Every program that a resource of one of the types can reach, except those of nested resources."""
    waiting, seen = [program(name, (), EVERYTHING) for name in types], set()
    while waiting:
        current = waiting.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            waiting += [step.program for step in current.steps.values() if step.program]


def keys_of(found: Program) -> set[str]:
    of_primitives = [rule.key for step in found.steps.values() for rule in step.rules]
    return {*(rule.key for rule in found.rules), *of_primitives}


EVERY = [*cases(), *cases(OTHER_CASES)]


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_a_rule_is_kept_and_broken(case: Case) -> None:
    assert is_valid(case.bad)
    assert case.rule not in [issue.rule for issue in resource_findings(case.good)]
    assert resource_errors(case.good) == []
    assert case.rule in [issue.rule for issue in resource_findings(case.bad)]


def test_every_invariant_that_is_looked_at_has_a_case() -> None:
    """By its key; one that stands for several invariants needs a case for each place."""
    wanted: set[str] = set()
    for key, places in places_by_key().items():
        several = len({invariant.expression for place in places for invariant in invariants()[place]
                       if invariant.key == key}) > 1  # fmt: skip
        wanted |= {f"{place.partition('.')[0]}:{key}" for place in places} if several else {key}
    assert len(wanted) > 230
    assert wanted - {case.name for case in EVERY} == set()


def test_every_rule_of_ours_beside_those_of_hl7_has_a_case() -> None:
    ours = {key for key, note in notes().items() if note.human}
    assert ours - {case.rule for case in EVERY} == set()


def places_by_key() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for place, stated in invariants().items():
        for entry in stated:
            if not note_of(entry.key, place).left_to:
                found.setdefault(entry.key, set()).add(place)
    return found


def test_every_invariant_of_r4_is_looked_at_somewhere() -> None:
    looked_at = set().union(*map(keys_of, programs(*resource_types(), "Dosage", "ElementDefinition", "Population")))
    stated = {
        entry.key for place, found in invariants().items() for entry in found if not note_of(entry.key, place).left_to
    }
    assert stated - looked_at == set()
    known = {entry.key for found in invariants().values() for entry in found}
    assert [key for key, note in notes().items() if key.rpartition(":")[2] not in known and not note.human] == []
    assert [
        key for key, note in notes().items() if (note.check or note.expression or note.left_to) and not note.reason
    ] == []


def test_everything_broken_is_found_in_one_pass_with_its_place() -> None:
    contact = {"period": {"start": "2024-02", "end": "2024-01"}, "extension": [{"url": "a"}]}
    resource = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"resource": PATIENT | {"contact": [{"name": {"text": "A"}}, contact]}},
            {
                "resource": {
                    "resourceType": "Parameters",
                    "parameter": [
                        {"name": "p", "part": [{"name": "q", "resource": PATIENT | {"telecom": [{"value": "1"}]}}]}
                    ],
                }
            },
        ],
    }
    assert [(issue.rule, issue.expression[0]) for issue in resource_errors(resource)] == [
        ("pat-1", "Bundle.entry[0].resource.contact[1]"),
        ("per-1", "Bundle.entry[0].resource.contact[1].period"),
        ("ext-1", "Bundle.entry[0].resource.contact[1].extension[0]"),
        ("cpt-2", "Bundle.entry[1].resource.parameter[0].part[0].resource.telecom[0]"),
    ]


def test_extensions_of_primitives_are_looked_at() -> None:
    found = resource_errors(
        PATIENT | {"name": [{"given": ["A", "B"], "_given": [None, {"extension": [{"url": "a"}]}]}]}
    )
    assert [(issue.rule, issue.expression[0]) for issue in found] == [
        ("ext-1", "Patient.name[0].given[1].extension[0]")
    ]


def test_a_choice_is_named_by_its_stem_in_the_place() -> None:
    found = resource_errors({"resourceType": "Observation", **SMALLEST["Observation"], "valueQuantity": {"code": "mL"}})
    assert [(issue.rule, issue.expression[0]) for issue in found] == [("qty-3", "Observation.value")]


def test_a_finding_in_hl7s_words_says_what_is_there_and_what_is_not() -> None:
    resource = {
        "resourceType": "Appointment",
        "status": "booked",
        "participant": [{"status": "accepted"}],
        "start": "2024-02-03T10:00:00Z",
    }
    texts = {issue.rule: issue.text for issue in resource_errors(resource)}
    assert texts["app-2"] == "Either start and end are specified, or neither (there is start; there is no end)"
    assert set(texts) == {"app-1", "app-2", "app-3"}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("2023", "2024", True),
        ("2024", "2024-05", False),
        ("2024-05", "2024", False),
        ("2024-04-30", "2024-05", True),
        ("2024-05-01", "2024-05-01T10:00:00Z", False),
        ("2024-05-01T23:00:00-05:00", "2024-05-02T03:00:00Z", False),
        ("2024-05-02T03:00:00Z", "2024-05-01T23:00:00-05:00", True),
        ("2024-05-01T10:00:00.1Z", "2024-05-01T10:00:00.10Z", False),
        ("2024-05-01T10:00:59Z", "2024-05-01T10:00:60Z", True),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", False),
        ("soon", "2024", False),
    ],
)
def test_partial_dates_are_compared_as_far_as_both_are_known(first: str, second: str, expected: bool) -> None:
    assert is_before(first, second) is expected


def test_contained_resources_are_not_asked_for_a_narrative() -> None:
    organization = {"resourceType": "Organization", "id": "o", "name": "A"}
    found = resource_findings(PATIENT | {"contained": [organization], "managingOrganization": {"reference": "#o"}})
    assert [(issue.rule, issue.expression[0]) for issue in found] == [("dom-6", "Patient")]


def test_a_contained_resource_may_refer_to_the_one_around_it_and_to_its_neighbours() -> None:
    contained = [
        {"resourceType": "Organization", "id": "o", "name": "A", "partOf": {"reference": "#p"}},
        {"resourceType": "Organization", "id": "p", "name": "B"},
    ]
    patient = PATIENT | {"contained": contained, "managingOrganization": {"reference": "#o"}}
    assert resource_errors(patient) == []
    assert resource_errors({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}) == []


def test_a_document_holds_what_its_composition_is_made_of_and_not_what_it_replaces() -> None:
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "a"},
        "date": "2024",
        "title": "a",
        "subject": {"reference": "Patient/a"},
        "author": [{"display": "A"}],
        "relatesTo": [{"code": "replaces", "targetReference": {"reference": "Composition/older"}}],
    }
    patient = {"fullUrl": "http://example.org/Patient/a", "resource": PATIENT | {"id": "a"}}
    document: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": {"system": "urn:a", "value": "1"},
        "timestamp": "2024-02-03T10:00:00Z",
        "entry": [{"fullUrl": "http://example.org/Composition/c", "resource": composition}, patient],
    }
    assert resource_errors(document) == []
    found = resource_errors({**document, "entry": document["entry"][:1]})
    assert [(issue.rule, issue.expression[0]) for issue in found] == [
        ("bundle.reference", "Bundle.entry[0].resource.subject.reference")
    ]
    twice = resource_errors({**document, "entry": [*document["entry"], {"resource": patient["resource"]}, patient]})
    assert {issue.rule for issue in twice} == {"bdl-7", "bundle.reference", "bundle.stray"}


def test_tens_of_thousands_of_items_are_answered() -> None:
    coding = [{"code": str(number)} for number in range(20_000)]
    component = [{"code": {"coding": [{"code": f"c{number}"}]}} for number in range(20_000)]
    resource = {"resourceType": "Observation", "status": "final", "code": {"coding": coding}, "component": component}
    assert invariant_findings(resource | {"valueString": "x"}, ERRORS) == []
    contact = [{"gender": "male"}] * 20_000 + [{"gender": "female"}] * 20_000
    found = invariant_findings(PATIENT | {"contact": contact}, ERRORS)
    assert len(found) == MOST_FINDINGS + 1
    assert (found[-1].severity, found[-1].rule) == ("information", "invariant.more")


def test_what_is_too_much_is_said_not_to_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_layer, "MOST_OBJECTS", 12)
    found = invariant_findings(PATIENT | {"contact": [{"telecom": [{"value": "1"}]}] * 9}, ERRORS)
    assert [issue.severity for issue in found] == ["error", "information"]
    assert (found[-1].code, found[-1].rule) == ("too-costly", "invariant.too-costly")


def test_deep_nesting_is_answered() -> None:
    extension: dict[str, Any] = {"url": "a"}
    for _ in range(10_000):
        extension = {"url": "a", "extension": [extension]}
    (issue,) = invariant_findings(PATIENT | {"extension": [extension]}, ERRORS)
    assert issue.rule == "ext-1"
    assert len(issue.expression[0]) > 10_000


EXAMPLES = Path("/work/hl7/package")


@pytest.mark.long
def test_no_example_of_hl7_is_refused_without_a_real_fault() -> None:
    if not EXAMPLES.is_dir():
        pytest.skip("HL7's R4 package is not unpacked here")
    refused = {}
    for file in sorted(EXAMPLES.glob("*-*.json")):
        if re.match(r"ValueSet|CodeSystem|SearchParameter|package", file.name) is None:
            text = file.read_bytes()
            if is_valid(text) and (errors := resource_errors(read_json(text))):
                refused[file.stem] = {issue.rule for issue in errors}
    assert refused == REAL_FAULTS


REAL_FAULTS = {
    "Bundle-10bb101f-a121-4264-a920-67be9cb82c74": {"bundle.full-url"},
    "Bundle-3a0707d3-549e-4467-b8b8-5a2ab3800efe": {"bundle.full-url"},
    "Bundle-dataelements": {"bdl-7"},
    "Bundle-lri-example": {"bundle.full-url"},
    "StructureDefinition-Definition": {"sdf-4"},
    "StructureDefinition-Event": {"sdf-4"},
    "StructureDefinition-FiveWs": {"sdf-4"},
    "StructureDefinition-Request": {"sdf-4"},
    "TestScript-testscript-example": {"tst-5"},
    "TestScript-testscript-example-history": {"tst-5"},
    "TestScript-testscript-example-search": {"tst-5"},
    "TestScript-testscript-example-update": {"tst-5"},
}
"""Of fullUrl R4 says that it SHALL NOT disagree with the id (bdl-7: that it is unique in a Bundle); the logical models
are not abstract and have no base; the scripts have two assertions where one is allowed."""
