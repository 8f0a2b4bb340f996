"""What one resource is to be held against, with the definitions that clients have stored: profiles, extensions, value
sets and code systems, found before validation begins, as far as the resource names them.

What comes with the service goes first. The rest is made ready once for each set of stored versions.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any

from fhir_service.workflows.check_conformance import Conformance
from fhir_service.workflows.stored_definitions import Definition, StoredDefinitions, VersionKey
from fhir_service.workflows.stored_terminology import StoredTerminology

_MOST_STEPS = 10
_MOST_NAMES = 150
"""Definitions of one kind that a resource can draw in in one step."""
_KEPT = 16
_PROFILES = ("profile", "targetProfile")


class ConformanceCache:
    """The sets of stored definitions that were used last, each made ready; one for a process."""

    def __init__(self) -> None:
        self._held: OrderedDict[frozenset[VersionKey], Conformance] = OrderedDict()
        self._lock = Lock()

    def get(self, keys: frozenset[VersionKey]) -> Conformance | None:
        with self._lock:
            if keys in self._held:
                self._held.move_to_end(keys)
            return self._held.get(keys)

    def keep(self, keys: frozenset[VersionKey], made: Conformance) -> None:
        with self._lock:
            self._held[keys] = made
            while len(self._held) > _KEPT:
                self._held.popitem(last=False)


class StoredConformance:
    """What one request finds. `own` is what comes with the service."""

    def __init__(
        self, definitions: StoredDefinitions, terminology: StoredTerminology, own: Conformance, cache: ConformanceCache
    ) -> None:
        self._definitions = definitions
        self._terminology = terminology
        self._own = own
        self._cache = cache

    async def for_resource(self, resource: Any, profiles: Iterable[str] = ()) -> Conformance:
        """What a resource, whatever its form, and the profiles it is asked about need. Raises TooCostly."""
        profiles_named, extensions, systems = await asyncio.to_thread(_named_in, resource)
        found = await self._profiles([*profiles, *profiles_named, *extensions])
        bound = {url for one in found.values() for url in _strings(one.resource, "valueSet") if url}
        await self._terminology.with_value_sets(sorted(bound)[:_MOST_NAMES])
        await self._terminology.with_systems(sorted(systems)[:_MOST_NAMES])
        keys = {one.version_key for one in found.values()} | self._terminology.keys
        known = frozenset(key for key in keys if key is not None)
        if not known:
            return self._own
        held = self._cache.get(known)
        if held is None:
            held = self._own.with_definitions(
                {url: one.resource for url, one in found.items()}, self._terminology.terminologies
            )
            self._cache.keep(known, held)
        return held

    async def _profiles(self, canonicals: Iterable[str]) -> dict[str, Definition]:
        """By URL those that are stored, with their bases and what their elements name."""
        found: dict[str, Definition] = {}
        looked_for: set[str] = set()
        wanted = list(canonicals)
        for _ in range(_MOST_STEPS):
            versions = {url.partition("|")[0]: url.partition("|")[2] for url in wanted}
            fresh = [url for url in dict.fromkeys(versions) if url not in looked_for and not self._own.knows(url)]
            looked_for |= set(fresh)
            wanted = []
            for url, stored in (await self._definitions.with_urls("StructureDefinition", fresh[:_MOST_NAMES])).items():
                match = next((one for one in stored if versions.get(url, "") in ("", one.version)), None)
                if match is not None:
                    found[url] = match
                    wanted += _drawn_in(match.resource)
            if not wanted:
                break
        return found


def _drawn_in(definition: dict[str, Any]) -> Iterator[str]:
    yield from _strings(definition, "baseDefinition")
    for name in _PROFILES:
        yield from _strings(definition, name)


def _strings(value: Any, name: str) -> Iterator[str]:
    """The texts under every member of that name, at any depth."""
    for holder in _objects(value):
        held = holder.get(name)
        yield from (one for one in (held if isinstance(held, list) else [held]) if isinstance(one, str))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _named_in(resource: Any) -> tuple[list[str], list[str], set[str]]:
    """The profiles, extensions and code systems that a resource names."""
    profiles: list[str] = []
    extensions: list[str] = []
    systems: set[str] = set()
    for node in _objects(resource):
        meta, system = node.get("meta"), node.get("system")
        if isinstance(meta, dict):
            profiles += _strings(meta, "profile")
        for name in ("extension", "modifierExtension"):
            held = node.get(name)
            urls = [one.get("url") for one in held if isinstance(one, dict)] if isinstance(held, list) else []
            extensions += [url for url in urls if isinstance(url, str) and ":" in url]
        if isinstance(system, str) and "code" in node:
            systems.add(system)
    return profiles, list(dict.fromkeys(extensions)), systems
