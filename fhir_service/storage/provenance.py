"""Provenance of resources, found by its links."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.search.terms import hash_of, link_scope
from fhir_service.storage import statements
from fhir_service.storage.changes import Key
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.sessions import Row, Session

_SCOPE = hash_of(link_scope("Provenance", "target"))


async def provenance_of(session: Session, dialect: Dialect, targets: Sequence[Key]) -> Sequence[Row]:
    """Every Provenance of these resources, each row with the key of its partition, in the order of their keys."""
    given = dialect.key_values(targets)
    statement = statements.PROVENANCE_OF.format(
        keys=dialect.keys,
        scope=f"${len(given) + 1}",
        whose=", ".join(f"l.{column}" for column in dialect.whose),
        same=" AND ".join(f"c.{column} = l.{column}" for column in dialect.whose),
    )
    return await session.fetch(statement, *given, _SCOPE)
