"""Our terminologies together with what clients have stored: found before a question is answered, as far as it needs.

A value set may take from others and from code systems, and these from others again; each step is one search a kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from fhir_service.fhir.canonicals import versioned
from fhir_service.fhir.errors import NotFound, TooCostly
from fhir_service.search.query_text import Pairs, split, unescaped
from fhir_service.search.reference_values import normal_reference
from fhir_service.terminology.code_systems import CodeSystem
from fhir_service.terminology.terminologies import Terminologies
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.stored_definitions import Definition, StoredDefinitions, VersionKey, newest_first

_MOST_STEPS = 20
_MEMBERSHIP = re.compile(r":(in|not-in)$")
_HIERARCHY = re.compile(r":(above|below)$")
_IN_FILTER = re.compile(r'\b(?:in|ni)\s+"?([^\s"()]+)')

Resource = Mapping[str, Any]


class StoredTerminology:
    """What one request finds. `size` is about how many bytes of definitions an answer works with."""

    def __init__(self, stored: StoredDefinitions, held: Terminologies) -> None:
        self._stored = stored
        self._held = held
        self._code_systems: dict[str, CodeSystem] = {}
        self._value_sets: dict[str, dict[str, Any]] = {}
        self._looked_up: set[tuple[str, str]] = set()
        self.size = 0
        self.keys: set[VersionKey | None] = set()
        """The versions that were found."""

    @property
    def terminologies(self) -> Terminologies:
        """All that is held, with what was found until now."""
        if not self._code_systems and not self._value_sets:
            return self._held
        return self._held.beside(self._code_systems, self._value_sets)

    async def with_systems(self, canonicals: Iterable[str]) -> StoredTerminology:
        """Look for code systems, `url` or `url|version`; those that are held whole need not be looked for."""
        wanted = {one for one in canonicals if one and not self._held.holds_whole(one)}
        for found in (await self._versions("CodeSystem", wanted)).values():
            for one in reversed(found):
                if one.code_system is not None:
                    self._keep(one)
                    self._code_systems[versioned(one.url, one.version)] = one.code_system
                    if not self._held.holds_whole(one.url):
                        self._code_systems[one.url] = one.code_system
        return self

    async def with_value_sets(self, canonicals: Iterable[str]) -> StoredTerminology:
        """Look for value sets, `url` or `url|version`, and all that they take from."""
        return await self._walk(set(canonicals), [])

    async def with_parts_of(self, *value_sets: Resource) -> StoredTerminology:
        """Look for all that these value sets take from."""
        return await self._walk(set(), list(value_sets))

    async def _walk(self, wanted: set[str], at_hand: list[Resource]) -> StoredTerminology:
        walked: set[str] = set()
        for _ in range(_MOST_STEPS):
            for url in wanted:
                walked.add(url)
                if (known := self._known(url)) is not None:
                    at_hand.append(known)
            missing = {url for url in wanted if self._known(url) is None}
            for found in (await self._versions("ValueSet", missing)).values():
                for one in reversed(found):
                    self._keep(one)
                    self._value_sets[versioned(one.url, one.version)] = one.resource
                    if one.url not in self._held.value_set_resources:
                        self._value_sets[one.url] = one.resource
                at_hand += [one.resource for one in found]
            await self.with_systems({system for resource in at_hand for system in _systems(resource)})
            wanted = {url for resource in at_hand for url in _imports(resource)} - walked
            at_hand = []
            if not wanted:
                return self
        raise TooCostly(f"value sets are taken from one another over more than {_MOST_STEPS} steps")

    async def of_search(self, pairs: Pairs, base: str) -> Terminologies:
        """What a search needs for `:in`, `:not-in`, `:above` and `:below` on tokens, and in `_filter`. Value sets are
        composed already, since reading a query does not wait."""
        sets = {value for name, text in pairs if _MEMBERSHIP.search(name) for value in _values(text)}
        sets |= {value for name, text in pairs if name == "_filter" for value in _IN_FILTER.findall(text)}
        sets |= {local for value in sets if (local := normal_reference(value, base))}
        trees = {value for name, text in pairs if _HIERARCHY.search(name) for value in split(text, ",")}
        if not sets and not trees:
            return self.terminologies
        await self.with_systems(unescaped(split(value, "|", 1)[0]) for value in trees if "|" in value)
        for name in sorted(sets):
            await self._named(name)
        await self.with_value_sets(name for name in sets if not name.startswith("ValueSet/"))
        found = self.terminologies
        for name in sets:
            await in_thread_if_large(self.size, partial(found.codes_in, name))
        return found

    async def _named(self, name: str) -> None:
        """A value set that is named by its place in this store."""
        kind, _, resource_id = name.partition("/")
        if kind != "ValueSet" or not resource_id:
            return
        try:
            found = await self._stored.by_id(kind, resource_id)
        except NotFound:
            return
        self._keep(found)
        self._value_sets[name] = found.resource
        await self.with_parts_of(found.resource)

    def _known(self, url: str) -> Resource | None:
        """A value set that is at hand."""
        canonical, _, version = url.partition("|")
        held = self._held.value_set_resources.get(canonical)
        if held is not None and version in ("", held.get("version")):
            return held
        return self._value_sets.get(url)

    async def _versions(self, kind: str, canonicals: set[str]) -> dict[str, list[Definition]]:
        """Those that have not been looked for yet."""
        urls = {one.partition("|")[0] for one in canonicals}
        fresh = {url for url in urls if (kind, url) not in self._looked_up}
        self._looked_up |= {(kind, url) for url in fresh}
        return {url: newest_first(found) for url, found in (await self._stored.with_urls(kind, fresh)).items()}

    def _keep(self, one: Definition) -> None:
        self.size += one.size
        self.keys.add(one.version_key)


def _parts(resource: Resource) -> Iterator[Resource]:
    compose = resource.get("compose", {})
    yield from compose.get("include", ())
    yield from compose.get("exclude", ())


def _systems(resource: Resource) -> Iterator[str]:
    for part in _parts(resource):
        if "system" in part:
            yield versioned(part["system"], part.get("version", ""))


def _imports(resource: Resource) -> Iterator[str]:
    for part in _parts(resource):
        yield from (url for url in part.get("valueSet", ()) if url is not None)


def _values(text: str) -> list[str]:
    return [unescaped(part) for part in split(text, ",")]
