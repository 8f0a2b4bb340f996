"""What a browser is told about an answer, and which web pages may read it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from api_client import Client

Connect = Callable[..., Client]


APP = "https://app.example.org"


@pytest.mark.parametrize("path", ["/fhir/Patient", "/fhir/Patient/nobody", "/fhir/Nonsense"])
async def test_data_is_kept_by_nobody_and_runs_nowhere(idle_client: Client, path: str) -> None:
    headers = (await idle_client.get(path)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "strict-transport-security" not in headers


async def test_pages_may_use_what_they_bring_along_and_nothing_else(idle_client: Client) -> None:
    policy = (await idle_client.get("/docs")).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    asset = await idle_client.get("/docs/assets/swagger-ui.css")
    assert asset.headers["cache-control"] == "public, max-age=86400"


async def test_over_tls_it_has_to_stay_tls(idle_connect: Connect) -> None:
    async with idle_connect(trusted_proxies=("127.0.0.1",)) as client:
        answer = await client.get("/fhir/Patient", headers={"x-forwarded-proto": "https"})
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_web_pages_of_a_listed_origin_may_ask_and_read(idle_connect: Connect) -> None:
    async with idle_connect(cors_origins=(APP,)) as client:
        asked = {"origin": APP, "access-control-request-method": "PUT", "access-control-request-headers": "if-match"}
        leave = await client.options("/fhir/Patient/1", headers=asked)
        assert leave.status_code == 200
        assert leave.headers["access-control-allow-origin"] == APP
        assert "PUT" in leave.headers["access-control-allow-methods"]
        for path in ("/fhir/Patient", "/fhir/Patient/nobody"):
            answer = await client.get(path, headers={"origin": APP})
            assert answer.headers["access-control-allow-origin"] == APP
            assert "ETag" in answer.headers["access-control-expose-headers"]
            assert "access-control-allow-credentials" not in answer.headers


async def test_web_pages_of_other_origins_may_not(idle_connect: Connect) -> None:
    async with idle_connect(cors_origins=(APP,)) as client:
        asked = {"origin": "https://evil.example", "access-control-request-method": "GET"}
        assert (await client.options("/fhir/Patient", headers=asked)).status_code == 400
        answer = await client.get("/fhir/Patient", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers


async def test_without_a_list_no_web_page_may(idle_client: Client) -> None:
    answer = await idle_client.get("/fhir/Patient", headers={"origin": APP})
    assert "access-control-allow-origin" not in answer.headers
