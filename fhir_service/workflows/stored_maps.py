"""StructureMaps that clients have stored or sent, made ready to run beside our own.

A map is loaded with the maps it imports and the ConceptMaps it names: first those that were sent along, then our own,
then what is stored. Our own maps never take anything from a client.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from fhir_service.fhir.errors import NotFound, TooCostly
from fhir_service.mapping.attribution import concept_maps_of
from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.parser import parse_map
from fhir_service.mapping.structure_map_reader import read_structure_map
from fhir_service.mapping.syntax import StructureMap
from fhir_service.terminology.concept_maps import ConceptMaps
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.stored_definitions import Definition, StoredDefinitions, VersionKey

K = TypeVar("K")
V = TypeVar("V")
_MOST_MAPS = 50
"""Maps that one map may draw in."""
_MOST_BYTES = 512 * 1024
"""The size of one map."""
_KEPT_LIBRARIES = 32
_MOST_READ = 200


@dataclass(frozen=True, slots=True)
class MapAtHand:
    """A map that was read; `key` says which stored version it is, None where it was sent."""

    tree: StructureMap
    key: VersionKey | None = None


class MapCache:
    """Trees of stored maps, and libraries of stored maps alone, by the versions they are made of; one for a process."""

    def __init__(self) -> None:
        self._trees: OrderedDict[VersionKey, StructureMap] = OrderedDict()
        self._libraries: OrderedDict[frozenset[VersionKey], MapLibrary] = OrderedDict()
        self._lock = Lock()

    def tree(self, definition: Definition) -> StructureMap:
        """Raises MappingError, TooCostly."""
        key = definition.version_key
        if key is None:
            return _read(definition)
        return _kept(self._trees, key, _MOST_READ, self._lock, lambda: _read(definition))

    def library(self, keys: frozenset[VersionKey] | None, make: Callable[[], MapLibrary]) -> MapLibrary:
        """Raises MappingError."""
        return make() if keys is None else _kept(self._libraries, keys, _KEPT_LIBRARIES, self._lock, make)


class StoredMaps:
    """What one request may run. `own` are the maps of the service."""

    def __init__(self, definitions: StoredDefinitions, own: MapLibrary, cache: MapCache) -> None:
        self._definitions = definitions
        self._own = own
        self._cache = cache

    async def with_url(self, canonical: str) -> MapAtHand | None:
        """A stored map, `url` or `url|version`; None where it is one of ours. Raises NotFound."""
        url, _, version = canonical.partition("|")
        ours = self._own.maps.get(url)
        if ours is not None and version in ("", str(ours.meta("version") or "")):
            return None
        found = await self._definitions.with_url("StructureMap", url, version)
        if found is None:
            raise NotFound(f"this server has no StructureMap {canonical[:200]}")
        return await self._at_hand(found)

    async def with_id(self, resource_id: str) -> tuple[str, MapAtHand | None]:
        """The URL of the map with that id, and the map unless it is one of ours. Raises NotFound, Gone."""
        try:
            found = await self._definitions.by_id("StructureMap", resource_id)
        except NotFound:
            ours = next((url for url in self._own.maps if url.endswith(f"/StructureMap/{resource_id}")), None)
            if ours is None:
                raise
            return ours, None
        if ("StructureMap", resource_id) in self._definitions.access.fixed and found.url in self._own.maps:
            return found.url, None
        at_hand = await self._at_hand(found)
        return at_hand.tree.url, at_hand

    async def sent(self, sent: StructureMap | Definition | str) -> MapAtHand:
        """A map that came with the request, a resource or FHIR Mapping Language. Raises MappingError, TooCostly."""
        if isinstance(sent, Definition):
            return await self._at_hand(sent)
        if isinstance(sent, StructureMap):
            return MapAtHand(sent)
        refuse_large(len(sent))
        return MapAtHand(await in_thread_if_large(len(sent), lambda: parse_map(sent, "srcMap")))

    async def library(self, maps: Sequence[MapAtHand]) -> MapLibrary:
        """A library to run these with, and all that they import and name. Raises MappingError, TooCostly."""
        if not maps:
            return self._own
        drawn_in = await self._with_imports(maps)
        concept_maps = await self._concept_maps(one.tree for one in drawn_in)
        keys: list[VersionKey | None] = [one.key for one in drawn_in]
        keys += [one.version_key for one in concept_maps.values()]
        structures = await self._structures(one.tree for one in drawn_in)
        keys += [one.version_key for one in structures.values()]
        known = frozenset(key for key in keys if key is not None) if None not in keys else None
        resources = {url: one.resource for url, one in concept_maps.items()}
        models = {url: one.resource for url, one in structures.items()}
        trees = [one.tree for one in drawn_in]
        return await asyncio.to_thread(
            self._cache.library, known, lambda: self._own.with_maps(trees, ConceptMaps(resources), models)
        )

    async def _with_imports(self, maps: Sequence[MapAtHand]) -> list[MapAtHand]:
        found = {one.tree.url: one for one in maps}
        waiting = list(maps)
        while waiting:
            for entry in waiting.pop().tree.imports:
                for one in await self._imported(entry.url, found):
                    found[one.tree.url] = one
                    waiting.append(one)
            if len(found) > _MOST_MAPS:
                raise TooCostly(f"a map draws in more than {_MOST_MAPS} others")
        return list(found.values())

    async def _imported(self, pattern: str, found: dict[str, MapAtHand]) -> list[MapAtHand]:
        """The stored maps that an import means, and that are not there yet."""
        if "*" not in pattern:
            if pattern in found or pattern in self._own.maps:
                return []
            stored = await self._definitions.with_url("StructureMap", pattern)
            return [await self._at_hand(stored)] if stored else []
        matches = re.compile(re.escape(pattern).replace(r"\*", ".*")).fullmatch
        folder = pattern.partition("*")[0].rpartition("/")[0]
        newest: dict[str, Definition] = {}
        for one in await self._definitions.found("StructureMap", [("url:below", folder)]):
            if matches(one.url) and one.url not in found and one.url not in self._own.maps:
                newest.setdefault(one.url, one)
        return [await self._at_hand(one) for one in newest.values()]

    async def _concept_maps(self, trees: Iterable[StructureMap]) -> dict[str, Definition]:
        """Those that the maps name and the service does not have."""
        found: dict[str, Definition] = {}
        for canonical in {url for tree in trees for url in concept_maps_of(tree)}:
            url, _, version = canonical.partition("|")
            if url in found or self._own.concept_maps.has(canonical):
                continue
            stored = await self._definitions.with_url("ConceptMap", url, version)
            if stored is not None:
                found[url] = stored
        return found

    async def _structures(self, trees: Iterable[StructureMap]) -> dict[str, Definition]:
        """The stored logical models and profiles that the maps use and the service does not have."""
        named = {entry.url for tree in trees for entry in tree.structure}
        unknown = [url.partition("|")[0] for url in named if not self._own.knows_structure(url)]
        found = await self._definitions.with_urls("StructureDefinition", unknown)
        return {url: versions[0] for url, versions in found.items() if versions}

    async def _at_hand(self, definition: Definition) -> MapAtHand:
        tree = await in_thread_if_large(definition.size, lambda: self._cache.tree(definition))
        return MapAtHand(tree, definition.version_key)


def refuse_large(size: int) -> None:
    """Raises TooCostly for a map of so many bytes."""
    if size > _MOST_BYTES:
        raise TooCostly(f"the map is larger than {_MOST_BYTES // 1024} KiB")


def _read(definition: Definition) -> StructureMap:
    refuse_large(definition.size)
    return read_structure_map(definition.resource)


def _kept(held: OrderedDict[K, V], key: K, most: int, lock: Lock, make: Callable[[], V]) -> V:
    with lock:
        if key in held:
            held.move_to_end(key)
            return held[key]
    made = make()
    with lock:
        held[key] = made
        while len(held) > most:
            held.popitem(last=False)
    return made
