"""The table of a store, read page by page, is that of the Bundles loaded into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from golden_cases import CASES, ROOT

from fhir_service.definitions.catalogue import catalogue
from fhir_service.fhir.access import OPEN
from fhir_service.fhir.json_text import encode
from fhir_service.storage.repository import Delete, Repository, Update
from fhir_service.workflows import registry_table
from fhir_service.workflows.load_report import stored_form
from fhir_service.workflows.registry_table import stored_resources, write_registry_table


@pytest.mark.parametrize("page", [2, 500])
async def test_the_table_of_a_store(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(registry_table, "_PAGE", page)
    for case in CASES.values():
        resources = stored_form(case.mapped())
        await repository.commit([Update(*key, encode(resource)) for key, resource in resources.items()], OPEN)
    gone = Update("AdverseEvent", "gone", b'{"resourceType":"AdverseEvent","actuality":"actual"}')
    await repository.commit([gone], OPEN)
    await repository.commit([Delete("AdverseEvent", "gone")], OPEN)
    out = tmp_path / "table.csv"
    given: AsyncIterator[Any] = stored_resources(repository, catalogue())
    assert await write_registry_table(out, given, catalogue(), pytest.fail) == 4
    assert out.read_text() == (ROOT / "registry-table.csv").read_text()
