"""All maps of the service: loaded together, checked before the first run.

Loading resolves imports (`*` stands for any part of a URL), finds every group, element, type and ConceptMap that the
maps name, and refuses what cannot work: MappingError with map, line and column.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fhir_service.definitions.catalogue import Catalogue, Kind
from fhir_service.fhir.fhirpath_budget import until
from fhir_service.fhir.nodes import Node
from fhir_service.mapping.entering import enter, entry_argument
from fhir_service.mapping.errors import Fault, MappingError, MappingLimit
from fhir_service.mapping.interpreter import Interpreter
from fhir_service.mapping.loaded_map import LoadedMap, refuse_cycles
from fhir_service.mapping.output import finish
from fhir_service.mapping.parser import parse_map
from fhir_service.mapping.run import Limits, Place, Run, placed
from fhir_service.mapping.shapes import Shapes
from fhir_service.mapping.steps import Argument
from fhir_service.mapping.syntax import Group, Input, StructureMap
from fhir_service.mapping.trace import Trace, TraceEntry
from fhir_service.terminology.concept_maps import BrokenConceptMap, ConceptMaps


@dataclass(frozen=True)
class Transformed:
    """The output of a run, what its `log` clauses said, and what was noted of how it came about."""

    resource: dict[str, Any]
    log: tuple[str, ...]
    notes: Trace

    @cached_property
    def trace(self) -> tuple[TraceEntry, ...]:
        """One entry for each value of the output; empty where no trace was asked for."""
        return self.notes.entries()


def load_library(artifacts: Catalogue, limits: Limits | None = None) -> MapLibrary:
    """The maps of a `mappings/` folder with its ConceptMaps, logical models and profiles.

    Raises MappingError and BrokenArtifact.
    """
    concept_maps = ConceptMaps(artifacts.artifacts(Kind.CONCEPT_MAP))
    shapes = Shapes({**artifacts.artifacts(Kind.LOGICAL_MODEL), **artifacts.artifacts(Kind.PROFILE)})
    return MapLibrary(artifacts.structure_maps, concept_maps, shapes, limits, once=True)


class MapLibrary:
    """Maps by canonical URL. `maps` are FML texts or trees by file name.

    `once`: these maps may not give a single element a second value; in others the last one stays.
    Raises MappingError for the first map that cannot be used.
    """

    def __init__(
        self,
        maps: Mapping[str, str | StructureMap],
        concept_maps: ConceptMaps,
        shapes: Shapes,
        limits: Limits | None = None,
        *,
        once: bool = False,
    ) -> None:
        self._once = once
        self._limits = limits or Limits()
        self.concept_maps = concept_maps
        self._interpreter = Interpreter(shapes)
        self._concept_maps: tuple[ConceptMaps, ...] = (concept_maps,)
        self._modules: dict[str, LoadedMap] = {}
        for name, given in maps.items():
            self._add(name, parse_map(given, name) if isinstance(given, str) else given)
        self._load(tuple(self._modules.values()))

    def knows_structure(self, url: str) -> bool:
        """Whether there is a type, logical model or profile of that canonical URL."""
        return self._interpreter.shapes.by_url(url) is not None

    def with_maps(
        self,
        trees: Iterable[StructureMap],
        concept_maps: ConceptMaps | None = None,
        definitions: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> MapLibrary:
        """A library that knows these maps, ConceptMaps and StructureDefinitions (by URL) too, before those it has; this
        one stays as it is.

        A tree takes the place of a map with its URL. Maps that import a new one are loaded anew, all others are shared
        with their ConceptMaps. A group is compiled for each combination of types it is called with, which may be very
        many: that is cut after the seconds of a run. Raises MappingError, MappingLimit.
        """
        new = {tree.url: tree for tree in trees}
        changed = _changed(self._modules, new)
        other = copy(self)
        other._once = False
        if concept_maps is not None:
            other._concept_maps = (concept_maps, *self._concept_maps)
        shapes = self._interpreter.shapes.with_definitions(definitions or {})
        other._interpreter = self._interpreter.without(changed, shapes)
        other._modules = {url: module for url, module in self._modules.items() if url not in changed}
        for url in changed:
            tree = new[url] if url in new else self._modules[url].tree
            other._add(tree.name, tree)
        with until(time.monotonic() + self._limits.seconds):
            other._load([other._modules[url] for url in changed])
        return other

    def _load(self, modules: Sequence[LoadedMap]) -> None:
        for module in modules:
            module.resolve(self._modules)
        refuse_cycles(self._modules)
        for module in modules:
            self._check(module)

    def imported(self, url: str) -> frozenset[str]:
        """The URLs of the maps that a map imports, and that those import."""
        found: set[str] = set()
        waiting = [self._modules[url]]
        while waiting:
            near = {module.tree.url: module for module in waiting.pop().imported if module.tree.url not in found}
            found |= near.keys()
            waiting += near.values()
        return frozenset(found)

    @property
    def maps(self) -> Mapping[str, StructureMap]:
        """The tree of every map by canonical URL."""
        return {url: module.tree for url, module in self._modules.items()}

    def transform(
        self,
        map_url: str,
        source: Mapping[str, Any],
        *,
        group: str | None = None,
        uuid: Callable[[], str] | None = None,
        limits: Limits | None = None,
    ) -> dict[str, Any]:
        """What a map makes of a source, from its first group (or the named one). Raises MappingError."""
        return self._run(map_url, source, group, limits, uuid=uuid).resource

    def transform_traced(
        self,
        map_url: str,
        source: Mapping[str, Any],
        *,
        group: str | None = None,
        uuid: Callable[[], str] | None = None,
        limits: Limits | None = None,
    ) -> Transformed:
        """The same, with the trace: which rule wrote which element from which part of the source."""
        return self._run(map_url, source, group, limits, traced=True, uuid=uuid)

    def _run(
        self,
        map_url: str,
        source: Mapping[str, Any],
        group_name: str | None,
        limits: Limits | None,
        *,
        traced: bool = False,
        uuid: Callable[[], str] | None = None,
    ) -> Transformed:
        module = self._module(map_url)
        run = Run(limits or self._limits, traced=traced, once=module.once, uuid=uuid)
        group = module.own_group(group_name) if group_name is not None else module.tree.group[0]
        place = Place(module.tree.url, module.tree.name, group.name, "", group.position)
        try:
            with placed(place), until(run.deadline):
                code, shape = enter(self._interpreter, module, group, source)
                target = Node(shape)
                target.placed = True
                content: Any = dict(source)
                code(run, [content if entry.mode == "source" else target for entry in group.input])
                return Transformed(finish(target), tuple(run.log), Trace(place, run.trace, content, target))
        except RecursionError as error:
            raise place.error("the content is nested too deeply", MappingLimit) from error

    def _module(self, map_url: str) -> LoadedMap:
        canonical, _, version = map_url.partition("|")
        module = self._modules.get(canonical)
        if module is None or version not in ("", str(module.tree.meta("version") or "")):
            raise MappingError(f"there is no map {map_url}")
        return module

    def _add(self, name: str, tree: StructureMap) -> None:
        if tree.url in self._modules:
            raise MappingError(f"another map has the url {tree.url} too", map_name=name)
        known: set[str] = set()
        for group in tree.group:
            if group.name in known:
                place = Place(tree.url, tree.name, group.name, "", group.position)
                raise place.error("the map has two groups of this name")
            known.add(group.name)
        try:
            self._modules[tree.url] = LoadedMap(tree, self._concept_maps, once=self._once)
        except BrokenConceptMap as error:
            raise MappingError(str(error), map_name=name) from error

    def _check(self, module: LoadedMap) -> None:
        """Compile every group whose types are known; groups without types are compiled for those who call them."""
        for group in module.tree.group:
            place = Place(module.tree.url, module.tree.name, group.name, "", group.position)
            try:
                arguments = tuple(self._checked_argument(module, group, entry) for entry in group.input)
            except Fault as fault:
                raise place.error(str(fault)) from fault
            targets = [
                shape for entry, (shape, _) in zip(group.input, arguments, strict=True) if entry.mode == "target"
            ]
            if None not in targets:
                self._interpreter.group(module, group, arguments)

    def _checked_argument(self, module: LoadedMap, group: Group, entry: Input) -> Argument:
        if group is module.tree.group[0]:
            return entry_argument(self._interpreter, module, entry)
        return self._interpreter.declared(module, entry), False


def _changed(known: Mapping[str, LoadedMap], new: Mapping[str, StructureMap]) -> list[str]:
    """The URLs of the new maps, and of the known ones that import one of them, or import one that does."""
    changed = dict.fromkeys(new)
    while True:
        more = [
            url
            for url, module in known.items()
            if url not in changed and any(module.may_import(other) for other in changed)
        ]
        if not more:
            return list(changed)
        changed |= dict.fromkeys(more)
