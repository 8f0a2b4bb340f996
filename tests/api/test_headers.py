"""Hosts and request ids."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from api_client import BASE, Client, issues, patient


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::1", "localhost:x"]
)
async def test_a_host_that_is_not_ours_is_refused_everywhere(idle_client: Client, host: str) -> None:
    for url in ("/fhir/Patient", "/", "/docs", "/healthz"):
        answer = await idle_client.get(url, headers={"host": host})
        assert answer.status_code == 421
        assert issues(answer)[0]["code"] == "security"


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "[::1]", "LOCALHOST"])
async def test_our_own_hosts_are_served_and_links_speak_of_them(idle_client: Client, host: str) -> None:
    found = (await idle_client.get("/fhir/Patient", headers={"host": host})).json()
    assert found["link"][0]["url"] == f"http://{host}/fhir/Patient"


async def test_links_speak_of_the_public_address_where_one_is_set(connect: Callable[..., Client]) -> None:
    async with connect(public_base_url="https://registry.example.org/r4") as client:
        made = await client.post("/fhir/Patient", json=patient())
        assert made.headers["location"].startswith("https://registry.example.org/r4/Patient/")
        bundle = (await client.get("/fhir/Patient")).json()
        assert bundle["entry"][0]["fullUrl"].startswith("https://registry.example.org/r4/Patient/")
        assert (await client.get("/fhir/metadata")).json()["implementation"]["url"] == "https://registry.example.org/r4"


async def test_a_request_id_comes_back_and_a_bad_one_is_replaced(idle_client: Client) -> None:
    answer = await idle_client.get("/fhir/metadata", headers={"x-request-id": "a.b-C_1:2"})
    assert answer.headers["x-request-id"] == "a.b-C_1:2"
    numbers = set()
    for bad in ("", "x" * 65, "a b", "<script>", "é"):
        answer = await idle_client.get("/fhir/metadata", headers={"x-request-id": bad.encode()})
        numbers.add(answer.headers["x-request-id"])
    assert len(numbers) == 5
    assert all(len(number) == 32 for number in numbers)


async def test_a_trailing_slash_makes_no_difference(client: Client) -> None:
    await client.put("/fhir/Patient/a/", json=patient(id="a"))
    assert (await client.get("/fhir/Patient/a/")).json()["id"] == "a"
    bundle = {"resourceType": "Bundle", "type": "transaction"}
    assert (await client.post("/fhir/", json=bundle)).status_code == 200
    assert (await client.get("/fhir/Patient/")).json()["link"][0]["url"] == f"{BASE}/Patient"
