"""A client that asks faster than it may is told when to come back; others do not notice."""

from __future__ import annotations

from collections.abc import Callable

from api_client import Client, issues

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
