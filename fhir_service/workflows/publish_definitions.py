"""The definitions of `mappings/` as resources of the store, each under the name of its file.

What the service published is remembered like what a report made, so that a definition that has left `mappings/` leaves
the store too. Published definitions are read and searched like any resource; clients do not change them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

import fhir_service
from fhir_service.definitions.catalogue import BrokenArtifact, Catalogue, Kind, catalogue
from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import EditConflict, Gone, MalformedContent, NotFound
from fhir_service.fhir.json_text import encode, parse
from fhir_service.mapping.parser import parse_map
from fhir_service.mapping.structure_map_writer import to_resource
from fhir_service.storage.repository import Change, Delete, Key, ReportEntry, Repository, Update

SOURCE = "urn:fhir-service:definitions"
"""The name under which the store remembers what was published."""
PARTLY = "partly "
"""Before the fingerprint where ids of ours belong to somebody else."""
_PACKAGE = Path(fhir_service.__file__).parent
_WRITERS = ("mapping", "fhir")
_PLACEHOLDER = b'"registry@vertebral-augmentation.example.org"'
_ATTEMPTS = 5
"""Tries, where other processes start on the same store at the same moment."""
_log = logging.getLogger(__name__)


async def publish_definitions(repository: Repository, base: str, contact: str = "") -> frozenset[Key]:
    """Publish the service's own definitions, their URLs under `base`, with the email address `contact` in place of that
    which is to be replaced. Returns and raises as `publish`. They are made only where the store has not those of this
    release: to read the maps takes a tenth of the time to start."""
    fingerprint = await asyncio.to_thread(own_fingerprint, base, contact)
    record = await repository.reports.record(SOURCE)
    if record is not None and record.fingerprint == fingerprint:
        return frozenset(record.made)
    return await publish(repository, await asyncio.to_thread(_own, base, contact), fingerprint)


async def publish(repository: Repository, resources: Mapping[Key, bytes], fingerprint: str = "") -> frozenset[Key]:
    """Store every definition that differs from what is stored, and delete those that are there no longer. Returns all
    that are published now. A resource of somebody else that has the id of one of ours stays, and ours is tried again
    the next time. The store remembers the `fingerprint`, that of the resources where none is given.

    Raises StoreUnavailable.
    """
    remembered = fingerprint or _fingerprint(resources)
    for _ in range(_ATTEMPTS - 1):
        try:
            return await _published(repository, resources, remembered)
        except EditConflict:
            continue
    return await _published(repository, resources, remembered)


@cache
def own_fingerprint(base: str, contact: str) -> str:
    """What the store remembers where all definitions of this release are published: it tells of the files that they are
    made from, and of the code that makes StructureMaps of maps. Raises UnknownArtifact and BrokenArtifact."""
    artifacts = catalogue(base)
    made_from = {(kind.value, name): text.encode() for kind in Kind for name, text in artifacts.files(kind).items()}
    made_from |= {("maps", name): text.encode() for name, text in artifacts.structure_maps.items()}
    code = [file for package in _WRITERS for file in (_PACKAGE / package).glob("*.py")]
    made_from |= {("code", f"{file.parent.name}/{file.name}"): file.read_bytes() for file in code}
    return _fingerprint(made_from | {("contact", ""): contact.encode()})


@cache
def _own(base: str, contact: str) -> Mapping[Key, bytes]:
    definitions = definitions_of(catalogue(base))
    if not contact:
        return definitions
    address = encode(contact)
    return {key: text.replace(_PLACEHOLDER, address) for key, text in definitions.items()}


def definitions_of(artifacts: Catalogue) -> dict[Key, bytes]:
    """The JSON of every artifact that is a resource of R4, maps as StructureMaps. Raises BrokenArtifact where one
    is no JSON object or two have one type and id, and MappingError."""
    found: dict[Key, bytes] = {}
    for kind in Kind:
        for name, text in artifacts.files(kind).items():
            try:
                resource_type = str(parse(text.encode()).get("resourceType"))
            except MalformedContent as error:
                raise BrokenArtifact(f"{artifacts.root / kind}: {name}.json: {error}") from error
            if resource_type not in resource_types():
                continue
            if (resource_type, name) in found:
                raise BrokenArtifact(f"two files of {artifacts.root} would be {resource_type}/{name}")
            found[resource_type, name] = text.encode()
    return found | dict(_structure_maps(artifacts))


def _structure_maps(artifacts: Catalogue) -> Iterator[tuple[Key, bytes]]:
    for name, text in artifacts.structure_maps.items():
        yield ("StructureMap", name), encode(to_resource(parse_map(text, name), source=text))


async def _published(repository: Repository, resources: Mapping[Key, bytes], fingerprint: str) -> frozenset[Key]:
    record = await repository.reports.record(SOURCE)
    before = record.made if record else ()
    if record is not None and record.fingerprint == fingerprint:
        return frozenset(before)
    taken = await _taken(repository, resources.keys() - set(before))
    ours = {key: text for key, text in resources.items() if key not in taken}
    changes: list[Change] = [Update(*key, text, if_changed=True) for key, text in ours.items()]
    changes += [Delete(*key) for key in before if key not in ours]
    whole = fingerprint if len(ours) == len(resources) else f"{PARTLY}{fingerprint}"
    await repository.commit(changes, OPEN, ReportEntry(SOURCE, whole, tuple(ours), before=frozenset(before)))
    return frozenset(ours)


async def _taken(repository: Repository, keys: Collection[Key]) -> set[Key]:
    """Those under which somebody else has stored something."""
    found = set()
    for key in sorted(keys):
        try:
            await repository.read(*key, OPEN)
        except (NotFound, Gone):
            continue
        _log.warning("%s/%s was stored by somebody else; the definition of that name is not published", *key)
        found.add(key)
    return found


def _fingerprint(resources: Mapping[Key, bytes]) -> str:
    whole = sha256()
    for (resource_type, resource_id), text in sorted(resources.items()):
        whole.update(f"{resource_type}/{resource_id} {len(text)}\n".encode() + text)
    return whole.hexdigest()
