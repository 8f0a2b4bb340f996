"""A CaseReport becomes one transaction Bundle in the shapes that other systems read."""

from __future__ import annotations

import base64
import json
from collections import Counter
from decimal import Decimal

import pytest
from golden_cases import CASES, GoldenCase, without_versions
from mapped_facts import case, made, mapped, one, walk

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.mapping.map_report import encode_bundle
from fhir_service.reports.case_report import (
    Case,
    CaseReport,
    Coded,
    ConditionFact,
    GroupStatement,
    ObservationFact,
    ProcedureFact,
)
from fhir_service.reports.report import Source

ALL = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@ALL
def test_a_golden_case_maps_to_its_bundle(case: GoldenCase) -> None:
    assert without_versions(case.mapped()) == case.expected


@ALL
def test_the_same_report_gives_the_same_bytes(case: GoldenCase) -> None:
    assert encode_bundle(case.mapped()) == encode_bundle(case.mapped())


@ALL
def test_every_entry_puts_a_resource_at_a_uuid_of_its_own(case: GoldenCase) -> None:
    entries = case.mapped()["entry"]
    ids = [entry["resource"]["id"] for entry in entries]
    assert len(set(ids)) == len(ids)
    for entry in entries:
        resource = entry["resource"]
        assert entry["fullUrl"] == f"urn:uuid:{resource['id']}"
        assert entry["request"] == {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}


@ALL
def test_every_reference_leads_to_an_entry(case: GoldenCase) -> None:
    bundle = case.mapped()
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    assert {node["reference"] for node in walk(bundle) if "reference" in node} <= urls


@ALL
def test_every_resource_but_provenance_has_one_provenance(case: GoldenCase) -> None:
    bundle = case.mapped()
    targets = [target["reference"] for entry in made(bundle, "Provenance") for target in entry["target"]]
    others = [entry["fullUrl"] for entry in bundle["entry"] if entry["resource"]["resourceType"] != "Provenance"]
    assert Counter(targets) == Counter(others)


@ALL
def test_every_span_of_the_facts_is_in_the_bundle_and_lies_inside_the_text(case: GoldenCase) -> None:
    found = set()
    for node in walk(case.mapped()):
        if node.get("url") == "http://hl7.org/fhir/StructureDefinition/derivation-reference":
            reference, offset, length = node["extension"]
            assert [reference["url"], offset["url"], length["url"]] == ["reference", "offset", "length"]
            assert reference["valueReference"] == {"reference": case.expected["entry"][0]["fullUrl"]}
            found.add((offset["valueInteger"], length["valueInteger"]))
    assert all(0 <= offset < offset + length <= len(case.report.text) for offset, length in found)
    if len(case.expected["entry"]) > 4:
        hypothetical = {"Embolisation was\nconsidered", "Pulmonary embolism was feared"}
        wanted = {
            (node["offset"], node["length"])
            for node in walk(json.loads((case.folder / "case-report.json").read_text("utf-8")))
            if "offset" in node
        }
        missing = {case.report.text[offset : offset + length] for offset, length in wanted - found}
        assert missing <= hypothetical


@ALL
def test_another_base_is_in_every_url_of_ours(case: GoldenCase) -> None:
    ours = encode_bundle(case.mapped("https://registry.example.com/r4"))
    assert DEFAULT_BASE.encode() not in ours
    assert ours == encode_bundle(case.mapped()).replace(DEFAULT_BASE.encode(), b"https://registry.example.com/r4")


def test_decimals_keep_their_digits() -> None:
    raw = encode_bundle(
        mapped(case(observation=(ObservationFact(id="1/o", kind=Coded(code="wbc"), value=Decimal("8.00")),)))
    )
    assert b'"value":8.00' in raw


def test_the_document_holds_text_hash_and_citation() -> None:
    document = one(mapped(CaseReport(), Source(title="A title", url="https://example.org/1")), "DocumentReference")
    attachment = document["content"][0]["attachment"]
    assert base64.b64decode(attachment["data"]) == b"Some text of a report."
    assert attachment["hash"] == "nv3S1LrRwsLXPiN9Lz9ZJT8w0wo="
    assert (attachment["title"], attachment["contentType"]) == ("A title", "text/plain")
    assert document["identifier"] == [{"system": "urn:ietf:rfc:3986", "value": "https://example.org/1"}]


@pytest.mark.parametrize(
    ("source", "identifier"),
    [
        (Source(doi="10.1/2"), [{"system": "https://doi.org", "value": "10.1/2"}]),
        (Source(pmid="12"), [{"system": "https://pubmed.ncbi.nlm.nih.gov", "value": "12"}]),
        (Source(), None),
    ],
)
def test_identifiers_have_the_systems_of_their_publishers(source: Source, identifier: object) -> None:
    assert one(mapped(CaseReport(), source), "DocumentReference").get("identifier") == identifier


def test_without_patient_or_augmentation_there_is_document_device_and_provenance() -> None:
    knee = ProcedureFact(id="1/prior-1", role="prior", kind=Coded(code="other", text="knee replacement"))
    statement = GroupStatement(id="0/statement-1", about=Coded(text="knees"), count=Decimal(3))
    without_patient = CaseReport(group_statement=(statement,))
    without_augmentation = CaseReport(
        case=(Case(number=1, id="1/patient", procedure=(knee,)),), group_statement=(statement,)
    )
    for report in (CaseReport(), without_patient, without_augmentation):
        types = Counter(entry["resource"]["resourceType"] for entry in mapped(report)["entry"])
        assert types == {"DocumentReference": 1, "Device": 1, "Provenance": 2}


def test_an_id_changes_with_the_source_and_not_with_what_else_is_told() -> None:
    more = case(condition=(ConditionFact(id="1/c", role="symptom", kind=Coded(text="pain")),))
    assert one(mapped(case()), "Procedure")["id"] == one(mapped(more), "Procedure")["id"]
    assert one(mapped(case()), "Procedure")["id"] != one(mapped(case(), Source(pmid="1")), "Procedure")["id"]


def test_journal_and_year_of_the_publication_stand_with_the_document() -> None:
    document = one(mapped(case(), Source(doi="10.1000/182", journal="Spine", year=2011)), "DocumentReference")
    (publication,) = document["extension"]
    assert publication["extension"] == [
        {"url": "journal", "valueString": "Spine"},
        {"url": "year", "valueDate": "2011"},
    ]
    assert "extension" not in one(mapped(case(), Source(doi="10.1000/182")), "DocumentReference")
