"""The registry as a flat table: one row for each AdverseEvent, with what the views of `mappings/views` say around it.

Resources come one by one and their rows go to disk, so that no store is too large.
"""

from __future__ import annotations

import asyncio
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from fhir_service.definitions.catalogue import Catalogue
from fhir_service.fhir.access import OPEN
from fhir_service.fhir.fhirpath import FhirPathError
from fhir_service.fhir.json_text import parse
from fhir_service.fhir.view_definition import View, text_of
from fhir_service.formats.joined_table import RowStager, TableColumn, write_joined_table
from fhir_service.search.cursor import Cursor
from fhir_service.search.query import parse_query
from fhir_service.storage.repository import Repository

TABLE = "registry-table"
_PAGE = 500
_BATCH = 200
Resource = Mapping[str, Any]


async def write_registry_table(
    out: Path, resources: AsyncIterator[Resource], artifacts: Catalogue, notice: Callable[[str], None]
) -> int:
    """Write the table as CSV or Parquet, by the suffix of `out`; returns the number of its rows.

    A resource that a view cannot make one row of is left out, and `notice` told. Raises BrokenView, BrokenArtifact,
    OSError.
    """
    views = registry_views(artifacts)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".fhir-service-") as folder, ExitStack() as open_files:
        stagers = {view.name: _stager(view, Path(folder)) for view in views}
        for stager in stagers.values():
            open_files.enter_context(closing(stager))
        about = defaultdict(list)
        for view in views:
            about[view.resource].append(view)
        async for some in _in_batches(resources):
            await asyncio.to_thread(_stage_all, some, about, stagers, notice)
        open_files.close()
        staged = {name: stager.staged for name, stager in stagers.items()}
        query, columns = artifacts.text(f"views/{TABLE}.sql"), registry_columns(artifacts)
        return await asyncio.to_thread(write_joined_table, out, staged, query, columns, scratch=Path(folder))


def registry_views(artifacts: Catalogue) -> list[View]:
    """The views that the table is joined of. Raises BrokenView, BrokenArtifact."""
    return [View(definition) for definition in artifacts.views.values()]


def registry_columns(artifacts: Catalogue) -> list[TableColumn]:
    """The columns of the table, in order."""
    columns = tomllib.loads(artifacts.text(f"views/{TABLE}.toml"))["column"]
    return [TableColumn(column["name"], column["type"]) for column in columns]


async def stored_resources(repository: Repository, artifacts: Catalogue) -> AsyncIterator[Resource]:
    """Every resource of the store that a view is about, page by page."""
    for kind in sorted({view.resource for view in registry_views(artifacts)}):
        query = replace(parse_query(kind, ()), count=_PAGE)
        while True:
            page = await repository.search(query, OPEN)
            for stored in page.matches:
                yield parse(stored.text)
            if page.next is None:
                break
            query = replace(query, after=Cursor.read(page.next, query.sort))


def _stager(view: View, folder: Path) -> RowStager:
    return RowStager(folder / f"{view.name}.ndjson", {column.name: column.collection for column in view.columns})


async def _in_batches(resources: AsyncIterator[Resource]) -> AsyncIterator[list[Resource]]:
    held: list[Resource] = []
    async for resource in resources:
        held.append(resource)
        if len(held) == _BATCH:
            yield held
            held = []
    yield held


def _stage_all(
    resources: Sequence[Resource],
    about: Mapping[str, Sequence[View]],
    stagers: Mapping[str, RowStager],
    notice: Callable[[str], None],
) -> None:
    for resource in resources:
        for view in about[resource["resourceType"]]:
            _stage(view, resource, stagers[view.name], notice)


def _stage(view: View, resource: Resource, stager: RowStager, notice: Callable[[str], None]) -> None:
    try:
        row = view.row(resource)
    except FhirPathError as error:
        notice(f"{resource['resourceType']}/{resource.get('id', '?')} is left out: {error}")
        return
    if row is not None:
        stager.add({name: _cell(value) for name, value in row.items()})


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return [text_of(item) for item in value]
    return None if value is None else text_of(value)
