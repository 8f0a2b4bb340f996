"""The registry of clients, and the assertions they have used."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from fhir_service.fhir.errors import EditConflict, NotFound
from fhir_service.storage.database import Database
from fhir_service.storage.group_commit import Commit, Group
from fhir_service.storage.jobs import GRACE_MILLISECONDS
from fhir_service.storage.sessions import Row
from fhir_service.storage.writer import Writer

_COLUMNS = "id, name, scopes, jwks_url, jwks, created, revoked"
_READ = f"SELECT {_COLUMNS} FROM client WHERE id = $1"
_LIST = f"SELECT {_COLUMNS} FROM client ORDER BY id"
_ADD = f"INSERT INTO client ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, NULL) ON CONFLICT (id) DO NOTHING RETURNING id"
_REVOKE = "UPDATE client SET revoked = coalesce(revoked, $2) WHERE id = $1 RETURNING id"
_END_JOBS = "UPDATE job SET state = 'cancelled', expires = $2 WHERE owner = $1 AND state <> 'cancelled'"
_FORGET_EXPIRED = "DELETE FROM used_assertion WHERE expires < $1"
_USE = (
    "INSERT INTO used_assertion (client_id, jti, expires) VALUES ($1, $2, $3) "
    "ON CONFLICT (client_id, jti) DO NOTHING RETURNING jti"
)


@dataclass(frozen=True, slots=True)
class Client:
    """A program that may ask for tokens within `scopes`. Its public keys are at `jwks_url`, or they are `jwks`, as
    JSON. Instants are milliseconds since 1970 UTC; the store knows when it was `created`."""

    id: str
    name: str
    scopes: str
    jwks_url: str = ""
    jwks: str = ""
    created: int = 0
    revoked: int | None = None


class Clients:
    """The registry of one store."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    async def add(self, client: Client) -> None:
        """Raises EditConflict where there is one of that id, revoked ones included."""
        values = (client.id, client.name, client.scopes, client.jwks_url, client.jwks, client.created or _now())
        if not await self._writer.commit(Commit(work=lambda group: group.session.fetch(_ADD, *values))):
            raise EditConflict(f"there is a client {client.id} already, or was one; take another id")

    async def revoke(self, client_id: str) -> None:
        """It gets no token any more, and those it has are refused; what it has begun ends, and its files are not to be
        had any more. Raises NotFound."""

        async def work(group: Group) -> Sequence[Row]:
            revoked = await group.session.fetch(_REVOKE, client_id, _now())
            if revoked:
                await group.session.fetch(_END_JOBS, client_id, _now() + GRACE_MILLISECONDS)
            return revoked

        if not await self._writer.commit(Commit(work=work)):
            raise NotFound(f"there is no client {client_id[:80]}")

    async def all(self) -> list[Client]:
        """In the order of their ids, revoked ones included."""
        async with self._database.reading() as session:
            return [_client(row) for row in await session.fetch(_LIST)]

    async def find(self, client_id: str) -> Client | None:
        """None where there is none, or it was revoked."""
        if not client_id.isprintable():  # no id, and what PostgreSQL would not take
            return None
        async with self._database.reading() as session:
            rows: Sequence[Row] = await session.fetch(_READ, client_id)
        found = _client(rows[0]) if rows else None
        return found if found is not None and found.revoked is None else None

    async def use_once(self, client_id: str, jti: str, expires: int) -> bool:
        """Whether this is the first use of an assertion that expires at that instant; of two at once one is first."""

        name = sha256(jti.encode(errors="surrogatepass")).hexdigest()

        async def work(group: Group) -> Sequence[Row]:
            await group.session.fetch(_FORGET_EXPIRED, _now())
            return await group.session.fetch(_USE, client_id, name, expires)

        return bool(await self._writer.commit(Commit(work=work)))


def _client(row: Row) -> Client:
    return Client(*row)


def _now() -> int:
    return time.time_ns() // 1_000_000
