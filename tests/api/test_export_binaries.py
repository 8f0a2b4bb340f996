"""Binaries in an export: those of a patient go out as DocumentReferences, and attachments by their whole address."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_client import BASE, observation, patient
from bulk_client import bulk_client, deleted_of, exported, lines_of, on_sqlite, put

from fhir_service.settings import SERVED_TYPES
from fhir_service.storage.repository import Repository

pytestmark = on_sqlite
PDF = {"resourceType": "Binary", "contentType": "application/pdf", "data": "JVBERi0xLjQ="}


@pytest.mark.rule("BULK-FILE-9", "BULK-FILE-10")
async def test_binaries_of_patients_go_out_as_document_references(repository: Repository, tmp_path: Path) -> None:
    async with bulk_client(repository, tmp_path, resource_types=(*SERVED_TYPES, "Binary")) as client:
        attached = [{"attachment": {"contentType": "application/pdf", "url": "Binary/own"}}]
        await put(
            client,
            *(patient(id="p"), observation("p", id="o"), {**PDF, "id": "nobodys"}),
            {**PDF, "id": "own", "securityContext": {"reference": "Patient/p"}},
            {**PDF, "id": "by-way", "securityContext": {"reference": f"{BASE}/Observation/o"}},
            {"resourceType": "DocumentReference", "id": "d", "status": "current", "content": attached},
        )
        manifest = await exported(client, "$export")
        found = {f"{one['resourceType']}/{one['id']}": one for one in await lines_of(client, manifest)}
        await client.delete("/fhir/Binary/own")
        rest = await exported(client, f"$export?_since={manifest['transactionTime']}")
        assert "DocumentReference/binary-own" in await deleted_of(client, rest)
    assert [key for key in found if key.startswith("Binary/")] == ["Binary/nobodys"]
    for name in ("own", "by-way"):
        made = found[f"DocumentReference/binary-{name}"]
        assert made["subject"] == {"reference": "Patient/p"}
        assert made["content"] == [{"attachment": {"contentType": "application/pdf", "data": PDF["data"]}}]
    assert found["DocumentReference/d"]["content"][0]["attachment"]["url"] == f"{BASE}/Binary/own"
