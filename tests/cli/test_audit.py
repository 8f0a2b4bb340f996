"""`fhir-service audit prune`: how long it is remembered who has seen what."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fhir_service.cli.commands import command_line
from fhir_service.fhir.audit_events import AccessRecord
from fhir_service.storage.repository import open_repository


def test_what_is_older_than_a_day_that_is_named_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'store.db'}"
    monkeypatch.setenv("FHIR_SERVICE_DATABASE_URL", url)

    async def add() -> None:
        store = await open_repository(url)
        said = {"request": "", "client": "c", "address": "", "interaction": "read", "about": "Patient/p", "query": ""}
        days = (day * 86_400_000 for day in (10, 20))
        await store.accesses.add([AccessRecord(recorded=one, status=200, **said) for one in days])
        await store.close()

    asyncio.run(add())
    for before, code, told in (
        ("1970-01-15", 0, "1 AuditEvents from before 1970-01-15 are removed"),
        ("1970-01-15", 0, "0 AuditEvents"),
        ("yesterday", 2, "wants a day"),
        ("2999-01-01", 2, "last day stays"),
    ):
        done = CliRunner().invoke(command_line(), ["audit", "prune", "--before", before])
        assert (done.exit_code, told in done.output) == (code, True), done.output
