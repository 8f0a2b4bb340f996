"""A loaded report mapped anew, by other maps than it was loaded with: what that changes, and the change itself.

What was read in the report is kept with it, so that only the maps differ; or the text is read anew, if that is wanted.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from fhir_service import __version__
from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import EditConflict, NotFound, PreconditionFailed, UnprocessableContent
from fhir_service.fhir.json_text import parse
from fhir_service.mapping.attribution import structure_map
from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.map_report import map_case_report
from fhir_service.reports.reading import Reading, UnusableReading, reading_from_json, reading_of, reading_to_json
from fhir_service.reports.report import Report
from fhir_service.storage.changes import ReportState
from fhir_service.storage.repository import Key, ReportEntry, Repository
from fhir_service.workflows.load_report import ATTEMPTS, refuse_invalid, stored_form
from fhir_service.workflows.map_form import CONTENT_TYPE as FORM_TYPE
from fhir_service.workflows.map_form import map_form
from fhir_service.workflows.map_report import now, read
from fhir_service.workflows.remap_plan import RemapPlan, ResourceChange, maps_named, remap_plan
from fhir_service.workflows.review import REVIEW_BELOW, without_doubtful
from fhir_service.workflows.withhold_source_text import without_source_text

_DOCUMENT = "DocumentReference"


@dataclass(frozen=True, slots=True)
class Remapping:
    """How to map anew. `every`: also reports of the present maps. `reread`: read the texts anew, too. `overwrite`: also
    what clients have changed. `apply`: store it. `review_below`: the confidence below which a fact is not mapped.
    `withhold`: without the words of the reports."""

    base: str
    maps: MapLibrary
    every: bool = False
    reread: bool = False
    overwrite: bool = False
    apply: bool = False
    review_below: float = REVIEW_BELOW
    withhold: bool = False

    @property
    def present(self) -> set[str]:
        """The maps in their versions, canonical|version."""
        return {structure_map(self.maps, url).canonical for url in self.maps.maps}


@dataclass(frozen=True, slots=True)
class RemappedReport:
    """What a report became, or would become. `maps` are those its Provenances named that are not the present ones,
    `read_by` the version of the software that had read it. Provenances are counted, not listed: each names other
    versions than before."""

    source_key: str
    maps: tuple[str, ...]
    read_by: str
    changes: tuple[ResourceChange, ...]
    kept: tuple[ResourceChange, ...]
    provenances: int

    @property
    def changes_something(self) -> bool:
        return bool(self.changes or self.provenances)


async def remap_report(repository: Repository, source_key: str, remapping: Remapping) -> RemappedReport | None:
    """None where there is nothing to do: the report names the present maps, or was taken out meanwhile.

    Raises NotFound for a source that is not loaded, UnprocessableContent where it cannot be mapped anew, MappingError.
    """
    if await repository.reports.state(source_key) is None:
        raise NotFound(f"no report with the source '{source_key}' is loaded")
    for _ in range(ATTEMPTS - 1):
        try:
            return await _remapped(repository, source_key, remapping)
        except (EditConflict, PreconditionFailed):  # somebody else was there meanwhile
            continue
    return await _remapped(repository, source_key, remapping)


async def _remapped(repository: Repository, source_key: str, remapping: Remapping) -> RemappedReport | None:
    state = await repository.reports.state(source_key)
    if state is None:
        return None
    provenances = [key for key in state.made if key[0] == "Provenance"]
    named = maps_named((await repository.newest(provenances, OPEN)).values())
    before = _reading(state)
    others = named - remapping.present
    is_present = bool(named) and not others and not (remapping.reread and before.extractor != __version__)
    if is_present and not remapping.every:
        return None
    report = await _report(repository, state, before)
    reading, resources = await asyncio.to_thread(_mapped, report, before, remapping)
    stored = await repository.newest([*dict.fromkeys([*resources, *state.made])], OPEN)
    plan = remap_plan(state, stored, resources, overwrite=remapping.overwrite)
    if remapping.apply and plan.changes:
        entry = ReportEntry(
            source_key,
            state.fingerprint,
            plan.made,
            before=frozenset(state.made),
            reading=None if remapping.withhold else reading_to_json(reading),
        )
        await repository.commit(plan.written(resources), OPEN, entry)
    return _told(source_key, others, before, plan)


def _told(source_key: str, maps: set[str], before: Reading, plan: RemapPlan) -> RemappedReport:
    changes = tuple(change for change in plan.changes if change.key[0] != "Provenance")
    return RemappedReport(
        source_key,
        tuple(sorted(maps)),
        before.extractor,
        changes,
        plan.kept,
        provenances=len(plan.changes) - len(changes),
    )


def _mapped(report: Report, before: Reading, remapping: Remapping) -> tuple[Reading, Mapping[Key, dict[str, Any]]]:
    """Raises UnprocessableContent, MappingError."""
    if report.content_type == FORM_TYPE:  # its text are the answers: nothing is read that could be kept
        form = map_form(report.text.encode(), recorded=now(), base=remapping.base)
        return form.mapped.reading, _kept(form.mapped.bundle, remapping)
    reading = reading_of(read(report), report, __version__) if remapping.reread else before
    try:
        facts = reading.case_report
    except UnusableReading as error:
        raise UnprocessableContent(f"{error}: read its text anew with --reread") from error
    bundle = map_case_report(
        without_doubtful(facts, remapping.review_below).facts,
        report,
        recorded=now(),
        base=remapping.base,
        maps=remapping.maps,
        extractor=reading.extractor,
        extractor_name=reading.extractor_name,
    )
    resources = _kept(bundle, remapping)
    refuse_invalid(resources)
    return reading, resources


def _kept(bundle: Mapping[str, Any], remapping: Remapping) -> dict[Key, dict[str, Any]]:
    resources = stored_form(bundle)
    return without_source_text(resources) if remapping.withhold else resources


def _reading(state: ReportState) -> Reading:
    try:
        if state.reading is not None:
            return reading_from_json(state.reading)
    except UnusableReading:
        pass
    raise UnprocessableContent(
        "what was read in it was not kept (an older release, or source_text=withhold): load its file once more"
    )


async def _report(repository: Repository, state: ReportState, reading: Reading) -> Report:
    """The report as it was loaded, its text from the version of the DocumentReference that it left."""
    for (kind, resource_id), version in state.made.items():
        if kind == _DOCUMENT:
            document = await repository.vread(kind, resource_id, version or 1, OPEN)
            (content, *_) = parse(document.text)["content"]
            raw = base64.b64decode(content["attachment"]["data"])
            if sha256(raw).hexdigest() == state.fingerprint:
                return Report(text=raw.decode(), source=reading.source, content_type=reading.content_type)
    raise UnprocessableContent("its text is not in the store as it was loaded: load its file once more")
