"""The logical model as a data dictionary of a registry (HL7's guide CREDS 1.0.0, CREDSStructureDefinition)."""

from __future__ import annotations

import re
from typing import Any

from golden_cases import CASES, RECORDED

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.definitions.elements import resource_types
from fhir_service.mapping.map_report import map_case_report_traced
from fhir_service.validation.structure import findings
from fhir_service.workflows.check_conformance import conformance

PROFILE = "http://hl7.org/fhir/us/registry-protocols/StructureDefinition/CREDSStructureDefinition"
MODEL = catalogue().artifact(Kind.LOGICAL_MODEL, DEFAULT_BASE + "/StructureDefinition/case-report")
ELEMENTS: list[dict[str, Any]] = MODEL["differential"]["element"]
IDENTITIES = {"Output": "http://hl7.org/fhir/us/core", "FHIR": "http://fhir.hl7.org"}


def test_the_model_conforms_to_the_profile_of_the_guide() -> None:
    assert findings(MODEL) == []
    assert [one for one in conformance().profile_issues(MODEL, PROFILE) if one.severity == "error"] == []


def test_it_says_whom_to_ask_and_what_its_mappings_mean() -> None:
    for contact in MODEL["contact"]:
        assert contact["name"]
        assert {point["system"] for point in contact["telecom"]} <= {"email", "phone"}
    assert {one["identity"]: one["uri"] for one in MODEL["mapping"]} == IDENTITIES


def test_every_element_has_a_camel_case_name_how_often_and_what_it_means() -> None:
    for element in ELEMENTS:
        assert re.fullmatch(r"[a-z][A-Za-z0-9]*|CaseReport", element["path"].rpartition(".")[2]), element["id"]
        assert {"min", "max", "short", "definition"} <= element.keys(), element["id"]
    assert len({element["id"] for element in ELEMENTS}) == len(ELEMENTS)


def test_every_mapping_names_identity_language_and_a_path_that_begins_with_a_resource() -> None:
    mapped = [one for element in ELEMENTS for one in element.get("mapping", [])]
    assert mapped
    for one in mapped:
        assert one["identity"] in IDENTITIES
        assert one["language"] == "application/fhir"
        assert one["map"].partition(".")[0] in resource_types()


def test_every_data_point_has_an_output_of_its_own_or_of_the_section_it_stands_in() -> None:
    outputs = {
        element["path"]
        for element in ELEMENTS
        if any(one["identity"] == "Output" for one in element.get("mapping", []))
    } - {"CaseReport"}
    alone = {"CaseReport", "CaseReport.note"}  # the whole report; words for the person who asked, which are not kept
    for element in ELEMENTS:
        steps = element["path"].split(".")
        around = {".".join(steps[:count]) for count in range(1, len(steps) + 1)}
        assert element["path"] in alone or around & outputs, element["id"]


def test_every_element_goes_where_its_mapping_says_when_a_report_is_mapped() -> None:
    written = _written()
    seen = set()
    for element in ELEMENTS:
        targets = {
            one for path, found in written.items() if f"{path}.".startswith(f"{element['path']}.") for one in found
        }
        for mapping in element.get("mapping", ()) if targets and element["path"] != "CaseReport" else ():
            resource_type, _, rest = re.sub(r"\(.*?\)", "", mapping["map"]).partition(".")
            name = rest.partition(".")[0]
            assert any(kind == resource_type and member.startswith(name) for kind, member in targets), (
                element["path"],
                mapping["map"],
            )
            seen.add(element["path"])
    mapped = {element["path"] for element in ELEMENTS if element.get("mapping")}
    assert mapped - seen == {"CaseReport", "CaseReport.case.number"}  # the whole; a number that is in every id


def _written() -> dict[str, set[tuple[str, str]]]:
    """By element of the model the resource types and members that the maps write from it, over all golden cases."""
    found: dict[str, set[tuple[str, str]]] = {}
    for case in CASES.values():
        made = map_case_report_traced(case.facts, case.report, recorded=RECORDED, base=DEFAULT_BASE)
        types = [entry["resource"]["resourceType"] for entry in made.bundle["entry"]]
        for entry in made.done.trace:
            target = re.match(r"Bundle\.entry\[(\d+)\]\.resource\.?(\w*)", entry.target)
            if target and entry.source:
                path = re.sub(r"\[\d+\]", "", f"CaseReport.{entry.source}")
                found.setdefault(path, set()).add((types[int(target[1])], target[2]))
    return found
