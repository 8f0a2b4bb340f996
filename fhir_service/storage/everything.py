"""Patient/{id}/$everything: the patient, its compartment, what those refer to, and the Provenance of all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fhir_service.definitions.elements import resource_types
from fhir_service.search.compartment import compartment_hashes, provenance_hashes
from fhir_service.storage import statements
from fhir_service.storage.changes import Key, Stored
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.rows import stored
from fhir_service.storage.sessions import Row, Session

_REFERENCE = re.compile(rb'"reference":"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?"')
_OF_OTHERS = frozenset({"Patient", "Group"})
"""Types that a reference is not followed to: they would bring other patients along."""


async def everything(session: Session, dialect: Dialect, patient: Stored) -> list[Stored]:
    """The patient first, then the rest in that order; each resource once."""
    found: dict[Key, Stored] = {(patient.type, patient.id): patient}
    _add(found, await dialect.search.holders(session, compartment_hashes(patient.id, sorted(resource_types()))))
    await _follow(session, dialect, found, patient.id)
    _add(found, await dialect.search.holders(session, provenance_hashes(found)))
    await _follow(session, dialect, found, patient.id)
    return list(found.values())


async def _follow(session: Session, dialect: Dialect, found: dict[Key, Stored], patient_id: str) -> None:
    """Add what is referred to, unless it belongs to another patient."""
    missing = {key for source in found.values() for key in references_in(source.text)} - found.keys()
    wanted = sorted(key for key in missing if key[0] not in _OF_OTHERS)
    if wanted:
        rows = await session.fetch(statements.READ_MANY.format(keys=dialect.keys), *dialect.key_values(wanted))
        own = (row for row in rows if row[6] == patient_id or row[6].startswith("~"))
        _add(found, sorted(own, key=lambda row: (str(row[0]), str(row[1]))))


def references_in(text: bytes) -> set[Key]:
    """The resources on this server that a minified resource refers to."""
    return {(kind.decode(), resource_id.decode()) for kind, resource_id in _REFERENCE.findall(text)}


def _add(found: dict[Key, Stored], rows: Iterable[Row]) -> None:
    for row in rows:
        one = stored(row)
        if not one.deleted:
            found.setdefault((one.type, one.id), one)
