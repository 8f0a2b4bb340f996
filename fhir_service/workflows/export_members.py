"""Who is meant where an export is of patients: what is in their compartments, and what explains it."""

from __future__ import annotations

import re
from functools import cache

import msgspec

from fhir_service.fhir.json_text import parse
from fhir_service.search.compartment import compartment_hashes, patient_scopes
from fhir_service.search.dates import EARLIEST, date_range
from fhir_service.search.index_values import index_values, partition_key
from fhir_service.search.terms import hashes_of
from fhir_service.storage.everything import references_in
from fhir_service.storage.export_pages import Exported
from fhir_service.storage.jobs import Job
from fhir_service.storage.repository import Key, Repository
from fhir_service.workflows.export_request import BESIDE, ExportRequest

ANY = "*"
"""Among the ids of devices: more than are remembered."""


class Members:
    """Tells which resources of one type are meant. `devices` are those that what was written refers to."""

    def __init__(
        self,
        repository: Repository,
        job: Job,
        request: ExportRequest,
        resource_type: str,
        devices: frozenset[str],
    ) -> None:
        self._repository = repository
        self._place, self._moment = job.place, job.moment
        self._base = request.base
        self._type = resource_type
        self._everyone = request.level == "system"
        self._by_target = resource_type == "Provenance" and request.explained is not None
        self._patients = None if request.patients is None else frozenset(request.patients)
        self._devices = devices
        self._latest = request.latest
        self._explained = frozenset(request.explained or request.types)
        self._hashes: dict[str, frozenset[int]] = {}

    async def among(self, found: list[Exported]) -> list[Exported]:
        meant = [] if self._by_target else [one for one in found if self._is_about(self._type, one)]
        if self._type not in BESIDE:
            return meant
        known = {one.id for one in meant}
        beside = self._used(found) if self._type == "Device" else await self._explaining(found)
        return [one for one in found if one.id in known or one.id in beside]

    async def among_deleted(self, texts: dict[str, bytes]) -> set[str]:
        """By id what was deleted."""
        rows = []
        for resource_id, text in texts.items():
            values = index_values(parse(text), self._base) if text else None
            partition = "~" if values is None else partition_key(resource_id, values)
            patient = "" if partition.startswith("~") else partition
            rows.append(Exported(resource_id, text, patient, hashes_of(values) if values else ()))
        return {one.id for one in await self.among(rows)}

    def _used(self, found: list[Exported]) -> frozenset[str]:
        """Those of no patient that what was written refers to."""
        return frozenset(one.id for one in found if not one.patient and not self._devices.isdisjoint((one.id, ANY)))

    def _is_about(self, kind: str, one: Exported) -> bool:
        if kind == "Patient":
            return self._patients is None or one.id in self._patients
        if self._patients is not None:
            return not self._hashes_of(kind).isdisjoint(one.hashes)
        return bool(one.patient) or self._names_a_patient(kind, one.text)

    def _names_a_patient(self, kind: str, text: bytes) -> bool:
        if b"Patient/" not in text:
            return False
        scopes = patient_scopes(kind)
        links = index_values(parse(text), self._base).links
        return any(link.target_type == "Patient" and link.scope in scopes for link in links)

    def _hashes_of(self, kind: str) -> frozenset[int]:
        if kind not in self._hashes:
            of_all = (compartment_hashes(one, (kind,)) for one in self._patients or ())
            self._hashes[kind] = frozenset(number for hashes in of_all for number in hashes)
        return self._hashes[kind]

    async def _explaining(self, found: list[Exported]) -> frozenset[str]:
        """Those whose targets are meant, as they were."""
        targets = {one.id: targets_of(one.text, self._base) for one in found}
        keys = sorted({key for held in targets.values() for key in held if key[0] in self._explained})
        then = await self._repository.exports.as_they_were(keys, self._place) if keys else {}
        meant = {key for key, one in then.items() if self._everyone or self._is_about(key[0], one)}
        if not self._latest:
            return frozenset(one for one, held in targets.items() if not meant.isdisjoint(held))
        newest = await self._newest(meant) if meant else {}
        return frozenset(one for one, held in targets.items() if any(one in newest.get(key, ()) for key in held))

    async def _newest(self, targets: set[Key]) -> dict[Key, frozenset[str]]:
        """By target the ids of the Provenance that was recorded last; several where they say the same instant."""
        found = await self._repository.exports.provenance_then(sorted(targets), self._place, self._moment)
        last: dict[Key, tuple[int, set[str]]] = {}
        for one in found:
            recorded = _recorded(one.text)
            for key in targets_of(one.text, self._base) & targets:
                if key not in last or recorded > last[key][0]:
                    last[key] = recorded, {one.id}
                elif recorded == last[key][0]:
                    last[key][1].add(one.id)
        return {key: frozenset(ids) for key, (_, ids) in last.items()}


class _Provenance(msgspec.Struct):
    target: msgspec.Raw = msgspec.Raw(b"[]")
    recorded: str = ""


_provenance = msgspec.json.Decoder(_Provenance)


def targets_of(text: bytes, base: str) -> set[Key]:
    """What a minified Provenance is about, on this server."""
    if not text:
        return set()
    return references_in(bytes(_provenance.decode(text).target).replace(f'"{base}/'.encode(), b'"'))


@cache
def references_to(kind: str, base: str) -> re.Pattern[bytes]:
    """Finds the ids of a type that a minified resource refers to, on this server."""
    return re.compile(
        rb'"reference":"(?:%b/)?%b/([A-Za-z0-9\-.]{1,64})["/]' % (re.escape(base.encode()), kind.encode())
    )


def _recorded(text: bytes) -> int:
    try:
        return date_range(_provenance.decode(text).recorded).low
    except ValueError:
        return EARLIEST


def members_of(repository: Repository, request: ExportRequest, resource_type: str, job: Job) -> Members | None:
    """None where all resources of the type are meant. The request is that of `request_of`."""
    by_target = resource_type == "Provenance" and request.explained is not None
    if request.level == "system" and not by_target:
        return None
    devices: set[str] = set()
    if resource_type == "Device":
        for shard in job.shards:
            if shard.checkpoint:
                devices.update(msgspec.json.decode(shard.checkpoint).get("devices", ()))
    return Members(repository, job, request, resource_type, frozenset(devices))
