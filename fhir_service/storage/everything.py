"""Patient/{id}/$everything: the patient, its compartment, what those refer to, and the Provenance of all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.access import Access, Grant
from fhir_service.search.compartment import patient_scopes
from fhir_service.search.terms import hash_of
from fhir_service.storage import statements
from fhir_service.storage.admission import admitted
from fhir_service.storage.changes import Key, Placed
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.provenance import provenance_of
from fhir_service.storage.rows import stored
from fhir_service.storage.sessions import Row, Session

_REFERENCE = re.compile(rb'"reference":"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?"')
_OF_OTHERS = frozenset({"Patient", "Group"})
"""Types that a reference is not followed to: they would bring other patients along."""


async def everything(session: Session, dialect: Dialect, patient_id: str, access: Access) -> list[Placed]:
    """The patient first, then the rest in the order of their keys; each resource once. Empty without such a patient,
    or without one that the caller may read; the rest is what the caller may find."""
    found: dict[Key, Placed] = {}
    patients = await session.fetch(statements.PATIENT_PLACED.format(text=_text(dialect)), patient_id)
    _add(found, await admitted(patients, access, "r"))
    if not found:
        return []
    (patient,) = found.values()
    about = await dialect.search.about_patient(session, patient_id, _scopes(access.grants))
    _add(found, await admitted(about, access, "s"))
    await _follow(session, dialect, found, patient_id, access)
    if access.may("s", "Provenance"):
        about = await provenance_of(session, dialect, list(found))
        _add(found, await admitted(about, access, "s"))
    await _follow(session, dialect, found, patient_id, access)
    return sorted(found.values(), key=lambda placed: (placed is not patient, placed.key))


@lru_cache(256)
def _scopes(grants: tuple[Grant, ...] | None) -> dict[int, str]:
    """The scopes under which resources are about a patient that may be searched by who has these grants, each with
    their type: a look at every type of R4."""
    access = Access(grants)
    kinds = (kind for kind in sorted(resource_types()) if access.may("s", kind))
    return {hash_of(scope): kind for kind in kinds for scope in sorted(patient_scopes(kind))}


async def _follow(
    session: Session, dialect: Dialect, found: dict[Key, Placed], patient_id: str, access: Access
) -> None:
    """Add what is referred to, unless it belongs to another patient."""
    missing = {key for source in found.values() for key in references_in(source.stored.text)} - found.keys()
    wanted = sorted(key for key in missing if key[0] not in _OF_OTHERS and access.may("s", key[0]))
    if wanted:
        rows = await admitted(await _read(session, dialect, wanted), access, "s")
        _add(found, (row for row in rows if row[7] == patient_id or row[7].startswith("~")))


async def _read(session: Session, dialect: Dialect, keys: Sequence[Key]) -> Sequence[Row]:
    statement = statements.READ_PLACED.format(keys=dialect.keys, text=_text(dialect))
    return await session.fetch(statement, *dialect.key_values(keys))


def _text(dialect: Dialect) -> str:
    return dialect.as_bytes.format("c.text")


def references_in(text: bytes) -> set[Key]:
    """The resources on this server that a minified resource refers to."""
    return {(kind.decode(), resource_id.decode()) for kind, resource_id in _REFERENCE.findall(text)}


def _add(found: dict[Key, Placed], rows: Iterable[Row]) -> None:
    for row in rows:
        one = stored(row)
        if not one.deleted:
            found.setdefault((one.type, one.id), Placed(row[6], one))
