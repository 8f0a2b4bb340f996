"""Health, front page and documentation."""

from __future__ import annotations

import re

from api_client import Client


async def test_health_and_readiness_are_told(idle_client: Client) -> None:
    assert (await idle_client.get("/healthz")).json() == {"status": "ok"}
    for path in ("/readyz", "/readyz/writes"):
        assert (await idle_client.get(path)).json() == {"status": "ready"}


async def test_the_front_page_leads_to_what_is_there(idle_client: Client) -> None:
    answer = await idle_client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    links = re.findall(r'href="([^"]+)"', answer.text)
    assert "/docs" in links
    for link in links:
        assert (await idle_client.get(link)).status_code == 200


async def test_the_documentation_needs_nothing_from_the_internet(idle_client: Client) -> None:
    page = (await idle_client.get("/docs")).text
    needed = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert "http" not in " ".join(needed)
    assert "/openapi.json" in page
    assets = [path for path in needed if path.startswith("/")]
    assert len(assets) == 2
    for path in assets:
        answer = await idle_client.get(path)
        assert answer.headers["content-encoding"] == "gzip"
        plain = await idle_client.get(path, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content
        assert len(plain.content) > 100_000
    assert (await idle_client.get("/docs/assets/other.js")).status_code == 404
