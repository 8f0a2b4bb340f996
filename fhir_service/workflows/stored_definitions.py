"""Definitions that clients have stored, found by id or canonical URL and read once for each version.

What comes with the service goes first: its URL means its own definition, unless the version of another one is stated.
Of several with one URL and no version stated the newest is meant, by version and then by when it was stored.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhir_service.fhir.access import Access
from fhir_service.fhir.canonicals import version_order
from fhir_service.fhir.errors import TooCostly
from fhir_service.fhir.json_text import parse
from fhir_service.search.query import parse_query
from fhir_service.search.query_text import escaped
from fhir_service.storage.repository import Repository, Stored
from fhir_service.terminology.code_systems import CodeSystem, code_system
from fhir_service.workflows.accept_resource import in_thread_if_large

_MOST_OF_ONE_SEARCH = 100
"""Definitions that one look-up takes, those that were stored last."""
_MOST_URLS = 200
VersionKey = tuple[str, str, int, datetime]
"""Type, id, version and time of a version. The time tells it from one of a resource that was erased and stored anew."""
_CACHED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a definition; `size` is that of its JSON. A CodeSystem is compiled too, where it has a url."""

    resource: dict[str, Any]
    size: int = 0
    stored: datetime | None = None
    code_system: CodeSystem | None = None
    version_key: VersionKey | None = None
    """Which stored version this is; None where it is not stored."""

    @property
    def url(self) -> str:
        return str(self.resource.get("url", ""))

    @property
    def version(self) -> str:
        return str(self.resource.get("version", ""))


class DefinitionCache:
    """The versions that were read last, up to some number of bytes; one for a process."""

    def __init__(self, most_bytes: int = _CACHED_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._held: OrderedDict[VersionKey, Definition] = OrderedDict()

    async def definition(self, stored: Stored) -> Definition:
        """The definition of a stored resource. Raises MalformedContent."""
        key = (stored.type, stored.id, stored.version, stored.last_updated)
        if (found := self._held.get(key)) is not None:
            self._held.move_to_end(key)
            return found
        found = await in_thread_if_large(len(stored.text), lambda: _read(stored))
        if key not in self._held:
            self._held[key] = found
            self._bytes += found.size
        while self._bytes > self._most and len(self._held) > 1:
            self._bytes -= self._held.popitem(last=False)[1].size
        return found


@dataclass(frozen=True, slots=True)
class StoredDefinitions:
    """The definitions in a store, as far as a caller may read them; without those that come with the service."""

    repository: Repository
    access: Access
    cache: DefinitionCache

    async def by_id(self, kind: str, resource_id: str) -> Definition:
        """Those of the service too. Raises NotFound, Gone."""
        return await self.cache.definition(await self.repository.read(kind, resource_id, self.access))

    async def with_urls(self, kind: str, urls: Iterable[str]) -> dict[str, list[Definition]]:
        """All versions of those with these canonical URLs (no versions), the newest first. Raises TooCostly."""
        wanted = sorted({url for url in urls if url})
        if len(wanted) > _MOST_URLS:
            raise TooCostly(f"more than {_MOST_URLS} definitions would have to be looked up")
        found: dict[str, list[Definition]] = {url: [] for url in wanted}
        if wanted:
            for one in await self.found(kind, [("url", ",".join(map(escaped, wanted)))]):
                found.setdefault(one.url, []).append(one)
        return {url: newest_first(versions) for url, versions in found.items()}

    async def with_url(self, kind: str, url: str, version: str = "") -> Definition | None:
        """The newest with that URL, or that of the version that is stated."""
        versions = (await self.with_urls(kind, [url])).get(url, ())
        return next((one for one in versions if version in ("", one.version)), None)

    async def found(self, kind: str, criteria: Sequence[tuple[str, str]]) -> list[Definition]:
        """What a search finds, those that were stored last first."""
        pairs = (*criteria, ("_sort", "-_lastUpdated"), ("_count", str(_MOST_OF_ONE_SEARCH)))
        page = await self.repository.search(parse_query(kind, pairs), self.access)
        others = [one for one in page.matches if (one.type, one.id) not in self.access.fixed]
        return [await self.cache.definition(one) for one in others]


def newest_first(definitions: Iterable[Definition]) -> list[Definition]:
    """By business version, then by when they were stored."""
    by_time = sorted(definitions, key=lambda one: one.stored.timestamp() if one.stored else 0.0, reverse=True)
    return sorted(by_time, key=lambda one: version_order(one.version), reverse=True)


def _read(stored: Stored) -> Definition:
    resource = parse(stored.text)
    compiled = code_system(resource) if stored.type == "CodeSystem" and "url" in resource else None
    key = (stored.type, stored.id, stored.version, stored.last_updated)
    return Definition(resource, len(stored.text), stored.last_updated, compiled, key)
