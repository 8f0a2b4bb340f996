"""A map among the others: the maps it imports, and what its names stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from fhir_service.mapping.errors import Fault, MappingError
from fhir_service.mapping.run import Place, placed
from fhir_service.mapping.shapes import Shape, Shapes
from fhir_service.mapping.syntax import Group, Import, StructureMap
from fhir_service.terminology.concept_maps import ConceptMap, ConceptMaps, UnknownConceptMap


class LoadedMap:
    """A map and the maps it imports. `once`: it gives a single element one value, a second one is an error."""

    def __init__(self, tree: StructureMap, concept_maps: Sequence[ConceptMaps], *, once: bool = False) -> None:
        self.tree = tree
        self.once = once
        self.imported: list[LoadedMap] = []
        self._concept_maps = concept_maps
        self._contained = {name: ConceptMap(resource) for name, resource in tree.contained.items()}

    def resolve(self, modules: Mapping[str, LoadedMap]) -> None:
        """Find the imported maps. Raises MappingError."""
        for entry in self.tree.imports:
            urls = [url for url in modules if _matches(entry.url, url)] if "*" in entry.url else [entry.url]
            found = [modules[url] for url in urls if url in modules and modules[url] is not self]
            if not found:
                raise self._error(entry, f"no map has the url {entry.url}")
            self.imported += [module for module in found if module not in self.imported]

    def own_group(self, name: str) -> Group:
        """The group of that name in this map. Raises MappingError."""
        found = next((group for group in self.tree.group if group.name == name), None)
        if found is None:
            raise MappingError(f"there is no group {name}", map_name=self.tree.name)
        return found

    def group(self, name: str) -> tuple[LoadedMap, Group]:
        """The group of that name, here or in an imported map, and where it is. Raises Fault."""
        own = [(self, group) for group in self.tree.group if group.name == name]
        found = own or [
            (module, group) for module in self.imported for group in module.tree.group if group.name == name
        ]
        if not found:
            raise Fault(f"there is no group {name} in this map or the maps it imports")
        if len(found) > 1:
            raise Fault(f"several imported maps have a group {name}: {', '.join(m.tree.url for m, _ in found)}")
        return found[0]

    def groups(self) -> list[tuple[LoadedMap, Group]]:
        """Every group that can be named here."""
        return [(module, group) for module in (self, *self.imported) for group in module.tree.group]

    def concept_map(self, url: str) -> ConceptMap:
        """Embedded here (`#name`) or in an imported map (`url of the map#name`), or of the service.

        Raises UnknownConceptMap and BrokenConceptMap.
        """
        holder, _, name = url.partition("#")
        for module in (self, *self.imported):
            if name in module._contained and (holder or self.tree.url) == module.tree.url:
                return module._contained[name]
        for known in self._concept_maps:
            with suppress(UnknownConceptMap):
                return known.get(url)
        raise UnknownConceptMap(f"there is no ConceptMap {url}")

    def may_import(self, url: str) -> bool:
        """Whether an import of this map reaches a map with that URL."""
        return any(_matches(entry.url, url) for entry in self.tree.imports)

    def _error(self, entry: Import, problem: str) -> MappingError:
        at = entry.position
        return MappingError(problem, map_name=self.tree.name, line=at.line, column=at.column, path=at.path)


def _matches(pattern: str, url: str) -> bool:
    head, *rest = pattern.split("*")
    if not rest:
        return pattern == url
    *between, tail = rest
    at, end = len(head), len(url) - len(tail)
    if not url.startswith(head) or not url.endswith(tail) or end < at:
        return False
    for part in between:
        found = url.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def declared_type(shapes: Shapes, tree: StructureMap, name: str) -> Shape | None:
    """What a type name means in a map: an alias of `uses`, else a FHIR type. Raises Fault."""
    for structure in tree.structure:
        if name in (structure.alias, structure.url) or (structure.alias is None and structure.url.endswith("/" + name)):
            return shapes.by_url(structure.url)
    found = shapes.named(name)
    if found is None:
        raise Fault(f"there is no type {name}; declare it with uses")
    return found


def refuse_cycles(modules: Mapping[str, LoadedMap]) -> None:
    """Raises MappingError where maps import, or groups extend, one another in a circle."""
    sound: set[int] = set()
    for module in modules.values():
        _walk_imports(module, sound)
        for group in module.tree.group:
            _walk_extends(module, group)


def _walk_imports(start: LoadedMap, sound: set[int]) -> None:
    path: dict[int, LoadedMap] = {}
    waiting: list[tuple[LoadedMap, bool]] = [(start, False)]
    while waiting:
        module, is_done = waiting.pop()
        if is_done:
            del path[id(module)]
            sound.add(id(module))
        elif id(module) in path:
            names = [entry.tree.name for entry in path.values()]
            circle = " -> ".join([*names[list(path).index(id(module)) :], module.tree.name])
            raise MappingError(f"the maps import one another in a circle: {circle}", map_name=module.tree.name)
        elif id(module) not in sound:
            path[id(module)] = module
            waiting.append((module, True))
            waiting += [(imported, False) for imported in reversed(module.imported)]


def _walk_extends(module: LoadedMap, group: Group) -> None:
    path: list[Group] = []
    while True:
        tree = module.tree
        place = Place(tree.url, tree.name, group.name, "", group.position)
        if any(group is known for known in path):
            names = " -> ".join(entry.name for entry in (*path[path.index(group) :], group))
            raise place.error(f"the groups extend one another in a circle: {names}")
        if group.extends is None:
            return
        path.append(group)
        with placed(place):
            module, group = module.group(group.extends)
