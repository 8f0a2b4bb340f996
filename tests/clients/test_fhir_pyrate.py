"""FHIR-PYrate from PyPI, as its README uses it: searches become data frames."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pandas as pd
import pytest
from fhir_pyrate import Pirate

SYSTEM = "urn:example:pyrate"
COUNT = 23


@pytest.fixture
def pirate(on_sqlite: str) -> Iterator[Pirate]:
    with Pirate(auth=None, base_url=on_sqlite, num_processes=1, print_request_url=False) as pirate:
        yield pirate


@pytest.fixture
def tag(on_sqlite: str) -> str:
    """The tag of 23 procedures of January 2024, one a day, each of its own patient."""
    tag = uuid4().hex
    entries = []
    for day in range(1, COUNT + 1):
        person = f"urn:uuid:00000000-0000-4000-8000-{day:012}"
        identifier = [{"system": SYSTEM, "value": f"{tag}-{day}"}]
        resources = (
            (person, {"resourceType": "Patient", "identifier": identifier, "name": [{"family": f"Day-{day:02}"}]}),
            (
                None,
                {
                    "resourceType": "Procedure",
                    "meta": {"tag": [{"system": SYSTEM, "code": tag}]},
                    "status": "completed",
                    "subject": {"reference": person},
                    "performedDateTime": f"2024-01-{day:02}",
                },
            ),
        )
        for full_url, resource in resources:
            request = {"method": "POST", "url": resource["resourceType"]}
            entries.append({"resource": resource, "request": request} | ({"fullUrl": full_url} if full_url else {}))
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = httpx.post(on_sqlite, json=bundle, headers={"content-type": "application/fhir+json"}, timeout=60)
    assert answer.status_code == 200, answer.text
    return tag


def test_all_pages_become_one_data_frame(pirate: Pirate, tag: str) -> None:
    frame = pirate.steal_bundles_to_dataframe(
        resource_type="Procedure",
        request_params={"_tag": tag, "_count": 5, "_sort": "date"},
        fhir_paths=[("id", "id"), ("day", "performedDateTime"), ("patient", "subject.reference")],
    )
    assert list(frame["day"]) == [f"2024-01-{day:02}" for day in range(1, COUNT + 1)]
    assert frame["id"].nunique() == COUNT


def test_without_an_order_it_pages_by_id_and_knows_the_total(pirate: Pirate, tag: str) -> None:
    assert pirate.get_bundle_total("Procedure", {"_tag": tag, "_total": "accurate", "_count": 1}) == COUNT
    bundles = list(pirate.steal_bundles("Procedure", {"_tag": tag, "_count": 4, "_total": "accurate", "_sort": "_id"}))
    ids = [entry.resource.id for bundle in bundles for entry in bundle.entry]
    assert len(bundles) == 6
    assert ids == sorted(ids)
    assert len(set(ids)) == COUNT


def test_spans_of_time_are_searched_one_by_one(pirate: Pirate, tag: str) -> None:
    frame = pirate.sail_through_search_space_to_dataframe(
        resource_type="Procedure",
        request_params={"_tag": tag, "_count": 10},
        time_attribute_name="date",
        date_init="2024-01-05",
        date_end="2024-01-15",
        fhir_paths=[("day", "performedDateTime")],
    )
    assert sorted(frame["day"]) == [f"2024-01-{day:02}" for day in range(5, 15)]


def test_rows_of_a_frame_are_traded_for_resources(pirate: Pirate, tag: str) -> None:
    wanted = pd.DataFrame({"identifier": [f"{tag}-{day}" for day in (3, 9)]})
    frame = pirate.trade_rows_for_dataframe(
        wanted,
        resource_type="Patient",
        df_constraints={"identifier": [(f"{SYSTEM}|", "identifier")]},
        fhir_paths=[("family", "name[0].family")],
    )
    assert sorted(frame["family"]) == ["Day-03", "Day-09"]


def test_an_include_makes_a_frame_of_each_type(pirate: Pirate, tag: str) -> None:
    frames = pirate.steal_bundles_to_dataframe(
        resource_type="Procedure",
        request_params={"_tag": tag, "_count": 5, "_include": "Procedure:subject", "_sort": "_id"},
    )
    assert {name: len(frame) for name, frame in frames.items()} == {"Procedure": COUNT, "Patient": COUNT}
