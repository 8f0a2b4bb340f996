"""A client that asks steadily is looked up beside its requests; one that was revoked is found out by that."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from fhir_service.api.auth import gate
from fhir_service.api.auth.gate import RECHECK_SECONDS, TokenGate

AUTHORIZATION = b"Bearer good"


class Registry:
    """Clients, of whom one is registered until it is not; `looks` are counted."""

    def __init__(self) -> None:
        self.registered, self.looks = True, 0

    async def find(self, _client_id: str) -> object | None:
        self.looks += 1
        return object() if self.registered else None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(gate, "time", SimpleNamespace(monotonic=lambda: clock.now, time=time.time))
    return clock


async def test_who_asks_steadily_never_waits_to_be_looked_up_and_is_refused_once_revoked(
    clock: SimpleNamespace,
) -> None:
    registry: Any = Registry()
    token = SimpleNamespace(scope="system/*.rs", client_id="reader", expires=time.time() + 300)
    tokens: Any = SimpleNamespace(read=lambda _text: token)
    service = TokenGate(tokens, registry, frozenset())
    assert service.known(AUTHORIZATION) is None, "nobody has looked"
    await service.access([(b"authorization", AUTHORIZATION)])
    for looks in (1, 2, 3, 4):
        assert (service.known(AUTHORIZATION) is not None, registry.looks) == (True, looks)
        clock.now += RECHECK_SECONDS * 0.75
        assert service.known(AUTHORIZATION) is not None
        assert service.known(AUTHORIZATION) is not None, "who comes meanwhile has no look made of their own"
        await asyncio.sleep(0)
    registry.registered = False
    clock.now += RECHECK_SECONDS * 0.75
    assert service.known(AUTHORIZATION) is not None
    await asyncio.sleep(0)
    assert service.known(AUTHORIZATION) is None
