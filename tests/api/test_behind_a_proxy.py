"""A proxy is believed where it is one of ours, in the headers that it writes, and nobody else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from api_client import Client, issues

from fhir_service.api.exposure import OpenExposure, refuse_open_exposure
from fhir_service.api.trusted_proxies import Proxies

Connect = Callable[..., Client]

HOST = ("registry.example.org", "localhost")
SAID = {"x-forwarded-proto": "https", "x-forwarded-host": "registry.example.org", "x-forwarded-for": "203.0.113.9"}


async def links(connect: Connect, headers: dict[str, str], **changes: object) -> str:
    async with connect(allowed_hosts=HOST, **changes) as client:
        answer = await client.get("/fhir/Patient", headers=headers)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["link"][0]["url"])


async def test_links_have_the_scheme_and_host_that_a_trusted_proxy_was_asked_for(idle_connect: Connect) -> None:
    found = await links(idle_connect, SAID, trusted_proxies=("127.0.0.0/8",))
    assert found.startswith("https://registry.example.org/fhir/Patient")


async def test_nobody_else_is_believed(idle_connect: Connect) -> None:
    assert (await links(idle_connect, SAID)).startswith("http://localhost/")
    assert (await links(idle_connect, SAID, trusted_proxies=("10.0.0.0/8",))).startswith("http://localhost/")


def test_a_proxy_is_known_by_the_address_that_a_socket_for_both_kinds_tells() -> None:
    proxies = Proxies(("10.0.0.0/8", "2001:db8::/32"), "x-forwarded")
    assert [proxies.trusts(one) for one in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7")] == [True] * 3
    assert [proxies.trusts(one) for one in ("11.1.2.3", "::ffff:11.1.2.3", "::10.1.2.3", "testclient", "")] == [
        False
    ] * 5


async def test_forwarded_is_read_only_where_the_proxy_writes_it(idle_connect: Connect) -> None:
    said = {"forwarded": 'for="[2001:db8::7]:4711";proto=https;host=registry.example.org'}
    trusted = {"trusted_proxies": ("127.0.0.1",)}
    assert (await links(idle_connect, said, **trusted)).startswith("http://localhost/")
    as_forwarded = await links(idle_connect, said, **trusted, proxy_headers="forwarded")
    assert as_forwarded.startswith("https://registry.example.org/")
    assert (await links(idle_connect, SAID, **trusted, proxy_headers="forwarded")).startswith("http://localhost/")


async def test_the_client_is_the_last_address_that_is_no_proxy_of_ours(idle_connect: Connect) -> None:
    """Each new address has a limit of its own; one that a client invents before its real one is none."""
    limited = {"trusted_proxies": ("127.0.0.1", "10.0.0.1"), "rate_limit": "1/hour"}
    async with idle_connect(**limited) as client:

        async def status(addresses: str) -> int:
            return (await client.get("/fhir/Patient", headers={"x-forwarded-for": addresses})).status_code

        assert await status("203.0.113.9, 10.0.0.1") == 200
        assert await status("198.51.100.1, 203.0.113.9, 10.0.0.1") == 429
        assert await status("203.0.113.10") == 200


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("x-forwarded", {"x-forwarded-proto": "gopher"}),
        ("forwarded", {"forwarded": "for=192.0.2.1;proto"}),
        ("forwarded", {"forwarded": "proto=ftp"}),
    ],
)
async def test_a_proxy_that_cannot_be_understood_is_told_so(
    idle_connect: Connect, kind: str, headers: dict[str, str]
) -> None:
    async with idle_connect(trusted_proxies=("127.0.0.1",), proxy_headers=kind) as client:
        answer = await client.get("/fhir/Patient", headers=headers)
        assert answer.status_code == 400
        assert issues(answer)


async def test_a_host_that_the_proxy_names_has_to_be_one_of_ours(idle_connect: Connect) -> None:
    async with idle_connect(trusted_proxies=("127.0.0.1",)) as client:
        assert (await client.get("/fhir/Patient", headers=SAID)).status_code == 421


def test_the_service_does_not_start_behind_a_proxy_without_access_control() -> None:
    refuse_open_exposure("127.0.0.1")
    with pytest.raises(OpenExposure, match="trusted_proxies"):
        refuse_open_exposure("127.0.0.1", ("127.0.0.1",))
