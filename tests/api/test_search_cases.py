"""The cases of `search_cases`, asked over HTTP of each database."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from api_client import Client
from search_cases import DATE_CASES, LINK_CASES, PATIENT_CASES, QUANTITY_CASES, STORES, TREE_CASES, Case

Connect = Callable[..., Client]


async def check(client: Client, name: str, listed: list[Case]) -> None:
    """Store the resources of a store in one transaction, and ask for every case; failures are told together."""
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
        for one in STORES[name][0]
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert (await client.post("/fhir", json=bundle)).status_code == 200
    wrong = []
    for case in listed:
        answer = await client.get(f"/fhir/{case.type}?{quote(case.query, safe='=&%,:/')}")
        body = answer.json()
        found = sorted(entry["resource"].get("id", "outcome") for entry in body.get("entry", []))
        if answer.status_code != 200 or found != sorted(case.found.split()) or body["total"] != len(found):
            wrong.append((case.query, case.found, answer.status_code, found, body.get("total"), body.get("issue")))
    assert wrong == []


@pytest.mark.rule(
    "DATE-1", "DATE-2", "DATE-3", "DATE-4", "DATE-5", "DATE-6", "PRE-1", "PRE-2", "PRE-3", "PRE-4", "PRE-5"
)
async def test_dates(client: Client) -> None:
    await check(client, "dates", DATE_CASES)


@pytest.mark.rule("QTY-1", "QTY-2", "NUM-1", "NUM-2", "NUM-3", "CMP-1")
async def test_quantities_and_composites(client: Client) -> None:
    await check(client, "quantities", QUANTITY_CASES)


@pytest.mark.rule("STR-1", "STR-2", "TOK-1", "TOK-2", "TOK-3", "TOK-4", "TOK-5", "TOK-8", "URI-1", "MOD-1", "BASE-1")
async def test_strings_tokens_and_uris(client: Client) -> None:
    await check(client, "patients", PATIENT_CASES)


@pytest.mark.rule("REF-4", "TOK-7")
async def test_hierarchies(client: Client) -> None:
    await check(client, "trees", TREE_CASES)


@pytest.mark.rule("REF-1", "REF-2", "REF-3", "CHN-1", "HAS-1")
async def test_references_and_chains(client: Client) -> None:
    await check(
        client, "links", [case for case in LINK_CASES if "TOK-6" not in case.rules and "TOK-7" not in case.rules]
    )
