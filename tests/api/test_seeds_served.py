"""The seed reports, loaded and asked for: every case is whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest_asyncio
from api_client import Client

from fhir_service.reports.report import Report
from fhir_service.storage.repository import Repository
from fhir_service.workflows.load_report import load_report
from fhir_service.workflows.map_report import MappedReport, map_report
from fhir_service.workflows.read_report_file import read_report_file, report_files

SEEDS = Path(__file__).parents[2] / "seeds"
BASE = "https://vertebral-augmentation.example.org/fhir"
RECORDED = "2026-01-31T12:00:00Z"
Resource = dict[str, Any]


@cache
def mapped_seeds() -> list[tuple[Report, MappedReport]]:
    """Read and mapped once for all cases."""
    reports = [read_report_file(path, max_bytes=1_000_000) for path in report_files([SEEDS])]
    return [(report, map_report(report, recorded=RECORDED, base=BASE)) for report in reports]


@pytest_asyncio.fixture
async def seeded(client: Client, repository: Repository) -> Client:
    for report, mapped in mapped_seeds():
        await load_report(repository, report, mapped)
    return client


async def cases(client: Client) -> list[dict[str, list[Resource]]]:
    patients = (await client.get("/fhir/Patient?_count=1000")).json()["entry"]
    found = []
    for entry in patients:
        bundle = (await client.get(f"/fhir/Patient/{entry['resource']['id']}/$everything")).json()
        by_type: dict[str, list[Resource]] = defaultdict(list)
        for inner in bundle["entry"]:
            by_type[inner["resource"]["resourceType"]].append(inner["resource"])
        found.append(by_type)
    return found


async def test_the_five_seeds_are_fifteen_patients(seeded: Client) -> None:
    answer = (await seeded.get("/fhir/Patient?_summary=count")).json()
    assert answer["total"] == 15


async def test_everything_of_a_case_holds_its_procedure_conditions_observations_and_adverse_events(
    seeded: Client,
) -> None:
    for case in await cases(seeded):
        (patient,) = case["Patient"]
        name = patient["identifier"][0]["value"]
        (index,) = [one for one in case["Procedure"] if code_of(one["category"], "procedure-role") == "index"]
        assert code_of(index["code"], "procedure-kind") in ("vertebroplasty", "kyphoplasty"), name
        assert index["bodySite"], name
        assert case["Condition"], name
        assert case["Observation"], name
        assert case["AdverseEvent"], name
        assert case["DocumentReference"], name
        assert case["Device"], name


async def test_every_adverse_event_names_the_procedure_it_followed_and_the_condition_it_led_to(seeded: Client) -> None:
    for case in await cases(seeded):
        procedures = {f"Procedure/{one['id']}" for one in case["Procedure"]}
        conditions = {f"Condition/{one['id']}": one for one in case["Condition"]}
        for event in case["AdverseEvent"]:
            suspects = {suspect["instance"]["reference"] for suspect in event["suspectEntity"]}
            assert suspects & procedures
            if code_of(event["event"], "complication") == "death":
                continue
            (resulting,) = event["resultingCondition"]
            condition = conditions[resulting["reference"]]
            assert code_of(condition["category"][0], "condition-role") == "complication"
            due_to = [e for e in condition["extension"] if e["url"].endswith("/condition-dueTo")]
            assert due_to[0]["valueReference"]["reference"] in suspects


async def test_the_index_procedure_names_its_indication_and_its_complications(seeded: Client) -> None:
    for case in await cases(seeded):
        (index,) = [one for one in case["Procedure"] if code_of(one["category"], "procedure-role") == "index"]
        named = {f"Condition/{one['id']}": one for one in case["Condition"]}
        roles: dict[str, set[str]] = defaultdict(set)
        for reference, condition in named.items():
            roles[code_of(condition["category"][0], "condition-role")].add(reference)
        assert {one["reference"] for one in index.get("reasonReference", [])} == roles["indication"]
        complications = {one["reference"] for one in index.get("complicationDetail", [])}
        assert complications
        assert complications <= roles["complication"]


async def test_every_reference_leads_to_a_resource_of_the_same_answer(seeded: Client) -> None:
    for case in await cases(seeded):
        there = {f"{kind}/{one['id']}" for kind, several in case.items() for one in several}
        for one in (one for several in case.values() for one in several):
            missing = set(references(one)) - there
            assert not missing, one["resourceType"]


async def test_everything_made_has_its_provenance(seeded: Client) -> None:
    for case in await cases(seeded):
        explained = Counter(target["reference"] for one in case["Provenance"] for target in one["target"])
        made = {f"{kind}/{one['id']}" for kind, several in case.items() if kind != "Provenance" for one in several}
        assert made <= set(explained)


def code_of(concept: Resource, system: str) -> str | None:
    return next((c["code"] for c in concept["coding"] if c["system"] == f"{BASE}/CodeSystem/{system}"), None)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)
