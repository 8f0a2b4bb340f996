"""What a page of matches brings along: what it points at, and what points at it (rest-rules INC-1 to INC-4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from fhir_service.fhir.access import Access
from fhir_service.search.criteria import Include
from fhir_service.search.parameters import indexed_parameters
from fhir_service.search.query import Query
from fhir_service.search.terms import hash_of, link_scope
from fhir_service.storage import statements
from fhir_service.storage.admission import admitted, admitted_versions
from fhir_service.storage.changes import Key, Stored
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.rows import stored, text_of
from fhir_service.storage.sessions import Row, Session
from fhir_service.storage.sql_text import Values

_ANY = "*"


class _Link(NamedTuple):
    """A reference of a resource on the way, as an include follows it."""

    source: Row
    target: Key


class _Wanted(NamedTuple):
    """The links that an include follows: their scopes, and the types they may point at (none: all)."""

    scopes: frozenset[int]
    targets: frozenset[str]


async def included(
    session: Session, dialect: Dialect, query: Query, matches: Sequence[Row], access: Access
) -> tuple[list[Stored], bool]:
    """Each resource once, none that is a match; and whether some were left out because there were too many."""
    includes = query.includes
    journey = _Journey(session, dialect, access, matches, query.extent.most)
    level, wanted = list(matches), list(includes)
    for _ in range(query.extent.rounds):
        before = len(journey.rows)
        await journey.go_on(level, wanted)
        level = journey.rows[before:]
        wanted = [include for include in includes if include.iterate]
        if not level or not wanted or journey.cut:
            break
    return [stored(row) for row in (*journey.rows, *journey.versions)], journey.cut


class _Journey:
    """What was found until now."""

    def __init__(self, session: Session, dialect: Dialect, access: Access, matches: Sequence[Row], most: int) -> None:
        self._most = most
        self._session = session
        self._dialect = dialect
        self._access = access
        self._seen: dict[Key, int] = {(row[0], row[1]): row[2] for row in matches}
        self._seen_versions: set[tuple[str, str, int]] = set()
        self.rows: list[Row] = []
        self.versions: list[Row] = []
        """Older versions that a reference names; nothing is followed from them."""
        self.cut = False

    async def go_on(self, level: Sequence[Row], includes: Sequence[Include]) -> None:
        """One step from every row of a level."""
        forward = [include for include in includes if not include.reverse]
        if forward and level:
            await self._forward(level, forward)
        for include in includes:
            if include.reverse and level and not self.cut:
                await self._backward(level, include)

    async def _forward(self, level: Sequence[Row], includes: Sequence[Include]) -> None:
        links = list(self._followed(await self._links(level), level, includes))
        current: dict[Key, None] = {}
        for source, target in links:
            version = _version_named(text_of(source), target)
            if version is None:
                current[target] = None
            else:
                await self._add_version(target, version)
        unseen = [key for key in current if key not in self._seen]
        self._add(await self._rows_of(unseen))

    async def _links(self, level: Sequence[Row]) -> Sequence[Row]:
        values = Values()
        keys = values.many(row[6] for row in level)
        statement = "SELECT resource_key, scope, target_type, target_id FROM link WHERE resource_key IN ({})"
        return await self._session.fetch(statement.format(keys), *values.taken)

    def _followed(self, links: Iterable[Row], level: Sequence[Row], includes: Sequence[Include]) -> Iterator[_Link]:
        sources = {row[6]: row for row in level}
        for key, scope, kind, resource_id in sorted(links, key=lambda link: (link[0], link[2], link[3])):
            source = sources[key]
            if self._access.may("s", kind) and any(
                scope in wanted.scopes and (not wanted.targets or kind in wanted.targets)
                for wanted in (_wanted(include, source[0]) for include in includes)
            ):
                yield _Link(source, (kind, resource_id))

    async def _rows_of(self, keys: Sequence[Key]) -> Sequence[Row]:
        if not keys:
            return ()
        statement = statements.LIVE_ROWS.format(keys=self._dialect.keys)
        rows = await self._session.fetch(statement, *self._dialect.key_values(keys))
        place = {key: number for number, key in enumerate(keys)}
        rows = await admitted(rows, self._access, "s")
        return sorted(rows, key=lambda row: place[row[0], row[1]])

    async def _add_version(self, key: Key, version: int) -> None:
        named = (*key, version)
        if self._seen.get(key) == version or named in self._seen_versions:
            return
        self._seen_versions.add(named)
        rows = await self._session.fetch(statements.READ_VERSION, *named)
        for row in await admitted_versions(self._session, self._dialect, rows, self._access, "s"):
            if not row[4] and self._has_room():
                self.versions.append(row)

    async def _backward(self, level: Sequence[Row], include: Include) -> None:
        targets = [(row[0], row[1]) for row in level if include.target in ("", row[0])]
        kinds = [include.source] if include.source != _ANY else await self._types()
        for kind in kinds:
            scopes = sorted({scope for row in targets for scope in _wanted(include, kind, row[0]).scopes})
            if scopes and self._access.may("s", kind):
                self._add(await self._pointing_at(targets, kind, scopes))

    async def _types(self) -> list[str]:
        return [row[0] for row in await self._session.fetch(statements.TYPES)]

    async def _pointing_at(self, targets: Sequence[Key], kind: str, scopes: Sequence[int]) -> Sequence[Row]:
        given = self._dialect.key_values(targets)
        values = Values()
        values.taken += given
        statement = statements.POINTING_AT.format(
            keys=self._dialect.keys,
            scopes=values.many(scopes),
            whose=", ".join(f"l.{column}" for column in self._dialect.whose),
            same=" AND ".join(f"c.{column} = l.{column}" for column in self._dialect.whose),
            type=values(kind),
            limit=values(self._most + len(self._seen) + 1),
        )
        return await admitted(await self._session.fetch(statement, *values.taken), self._access, "s")

    def _add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            key = (row[0], row[1])
            if key not in self._seen and self._has_room():
                self._seen[key] = row[2]
                self.rows.append(row)

    def _has_room(self) -> bool:
        self.cut = self.cut or len(self.rows) + len(self.versions) >= self._most
        return not self.cut


def _wanted(include: Include, kind: str, target: str = "") -> _Wanted:
    """The links of a type that the include follows, forward, or back to a target of some type."""
    if include.source not in (_ANY, kind):
        return _Wanted(frozenset(), frozenset())
    known = indexed_parameters(kind)
    parameters = [
        parameter
        for code, parameter in known.items()
        if parameter.type == "reference" and include.parameter in (_ANY, code)
    ]
    fitting = [one for one in parameters if not target or not one.targets or target in one.targets]
    scopes = frozenset(hash_of(link_scope(kind, one.indexed_as)) for one in fitting)
    if include.reverse:
        return _Wanted(scopes, frozenset())
    if include.target:
        return _Wanted(scopes, frozenset({include.target}))
    narrow = frozenset(parameters[0].targets) if len(parameters) == 1 else frozenset[str]()
    return _Wanted(scopes, narrow)


def _version_named(text: bytes, target: Key) -> int | None:
    """The version of the target that a text refers to, where it names one."""
    name = "/".join(map(re.escape, target)).encode()
    found = re.search(rb'"(?:[^"]*/)?%b/_history/(\d{1,18})"' % name, text)
    return int(found[1]) if found else None
