"""A client that asks faster than it may is told when to come back; others do not notice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from api_client import Client, issues, settings

from fhir_service.api.origin import counted_as

Connect = Callable[..., Client]


async def test_the_request_beyond_the_limit_is_answered_429_with_a_time_to_wait(idle_connect: Connect) -> None:
    async with idle_connect(rate_limit="2/hour") as client:
        assert [(await client.get("/fhir/Patient")).status_code for _ in range(2)] == [200, 200]
        refused = await client.get("/fhir/Patient")
        assert refused.status_code == 429
        (issue,) = issues(refused)
        assert issue["code"] == "throttled"
        assert "2 requests in 3,600 s" in issue["diagnostics"]
        assert 0 < int(refused.headers["retry-after"]) <= 3600


async def test_pages_and_health_are_not_counted(idle_connect: Connect) -> None:
    async with idle_connect(rate_limit="1/hour") as client:
        assert [(await client.get("/healthz")).status_code for _ in range(3)] == [200] * 3
        assert (await client.get("/fhir/Patient")).status_code == 200


async def test_without_a_limit_nobody_is_counted(idle_connect: Connect) -> None:
    async with idle_connect() as client:
        assert {(await client.get("/fhir/Patient?_summary=count")).status_code for _ in range(20)} == {200}


def test_by_default_clients_are_counted_where_access_is_controlled() -> None:
    assert settings().rates == ("", "")
    assert settings(access="smart").rates == ("6000/minute", "600/minute")
    assert settings(access="smart", rate_limit="").rates == ("", "")
    assert settings(access="smart", rate_limit="9/hour").rates == ("9/hour", "9/hour")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_of_ipv6_a_network_is_one_client(one: str, other: str, same: bool) -> None:
    """Who has one address of it has all of them."""
    assert (counted_as("", one) == counted_as("", other)) is same
