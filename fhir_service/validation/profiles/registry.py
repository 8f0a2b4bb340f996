"""The profiles that are known here, each read, laid over its base and compiled when it is first asked for."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, TypeVar, cast

from fhir_service.definitions.elements import is_a, types
from fhir_service.validation.profiles.compiler import CompiledProfile, compiled_profile
from fhir_service.validation.profiles.element_definitions import read_definition
from fhir_service.validation.profiles.element_rules import Definition
from fhir_service.validation.profiles.errors import BrokenProfile, UnknownProfile
from fhir_service.validation.profiles.trees import Node, core_type, laid_over, root

_LONGEST_CHAIN = 30
T = TypeVar("T")


class ProfileRegistry:
    """StructureDefinitions by canonical URL, in one mapping or several, the first before the others.

    One object may serve every thread: what two of them make is the same.
    """

    def __init__(self, *structure_definitions: Mapping[str, Mapping[str, Any]]) -> None:
        self._resources = ChainMap(*(cast("dict[str, Any]", entry) for entry in structure_definitions))
        self._definitions: dict[str, Definition | BrokenProfile] = {}
        self._trees: dict[str, Node | BrokenProfile] = {}
        self._compiled: dict[str, CompiledProfile | BrokenProfile] = {}
        self._asked: dict[str, CompiledProfile] = {}
        """Those that were asked for, by URL with or without version."""
        self._missing_bases: dict[str, str] = {}

    def before(self, structure_definitions: Mapping[str, Mapping[str, Any]]) -> ProfileRegistry:
        """Another one, that knows these too, behind its own."""
        return ProfileRegistry(*self._resources.maps, structure_definitions)

    def behind(self, structure_definition: Mapping[str, Any]) -> ProfileRegistry:
        """Another one, that knows this one first."""
        return ProfileRegistry({str(structure_definition["url"]): structure_definition}, *self._resources.maps)

    def knows(self, url: str) -> bool:
        """Whether there is a StructureDefinition of that URL; a `|version` has to be its own."""
        return self._found(url) is not None

    def _found(self, url: str) -> Mapping[str, Any] | None:
        canonical, _, version = url.partition("|")
        if not version:
            return self._resources.get(canonical)
        held = (known[canonical] for known in self._resources.maps if canonical in known)
        return next((one for one in held if one.get("version") == version), None)

    def definition(self, url: str) -> Definition:
        """What one says. Raises UnknownProfile, BrokenProfile."""
        found = self._found(url)
        if found is None:
            raise UnknownProfile(url)
        return _once(self._definitions, self._name(url), lambda: read_definition(found))

    def _name(self, url: str) -> str:
        """Without the version where that is the one that is meant anyway."""
        canonical = url.partition("|")[0]
        return canonical if self._found(url) is self._resources.get(canonical) else url

    def tree(self, url: str) -> Node:
        """Its elements, laid over those of its bases; not to be changed. Raises UnknownProfile, BrokenProfile."""
        self.definition(url)
        return _once(self._trees, self._name(url), lambda: self._laid_over_bases(url))

    def compiled(self, url: str) -> CompiledProfile:
        """Its checks. Raises UnknownProfile, BrokenProfile."""
        tree = self.tree(url)
        name = self._name(url)
        return _once(self._compiled, name, lambda: compiled_profile(name, tree, self))

    def missing_base(self, url: str) -> str:
        """The base of a profile, or of one of its bases, that is not known here; empty where all are. Raises
        UnknownProfile, BrokenProfile."""
        if url not in self._missing_bases:
            self._missing_bases[url] = self._missing_base(url)
        return self._missing_bases[url]

    def _missing_base(self, url: str) -> str:
        for definition in self._chain(self.definition(url)):
            if not definition.whole and not core_type(definition.base) and not self.knows(definition.base):
                return "" if definition.snapshot else definition.base
        return ""

    def _laid_over_bases(self, url: str) -> Node:
        chain = self._chain(self.definition(url))
        type_name = chain[0].type
        if type_name not in types():
            raise BrokenProfile(f"{url} is about {type_name[:80] or 'no type'}, which is no type of FHIR R4")
        self._agree(chain)
        tree = root(type_name)
        for definition in reversed(chain):
            tree = laid_over(tree, definition)
        return tree

    def _agree(self, chain: list[Definition]) -> None:
        """Raises BrokenProfile where a profile is about another type than its base."""
        names = [(entry, core_type(entry.base)) for entry in chain if not entry.whole and core_type(entry.base)]
        names += [(entry, base.type) for entry, base in pairwise(chain)]
        for entry, of in names:
            if not is_a(entry.type, of):
                text = f"{entry.url} is about {entry.type[:80]}, and its base {entry.base[:200]} about {of[:80]}"
                raise BrokenProfile(f"{text}; mend its type or its baseDefinition")

    def _chain(self, definition: Definition) -> list[Definition]:
        """A definition and its bases, the nearest first. One without its base stands on its snapshot, if it has one."""
        chain, urls = [definition], {definition.url}
        while not definition.whole and not core_type(definition.base):
            if definition.base in urls or len(chain) > _LONGEST_CHAIN:
                raise BrokenProfile(f"{chain[0].url}: its baseDefinition leads in a circle, or over too many steps")
            if not self.knows(definition.base):
                break
            definition = self.definition(definition.base)
            urls.add(definition.url)
            chain.append(definition)
        return chain


def _once(held: dict[str, T | BrokenProfile], key: str, make: Callable[[], T]) -> T:
    """What is held under a key, made where it is not there; a failure is held too."""
    if key not in held:
        try:
            held[key] = make()
        except BrokenProfile as error:
            held[key] = error
        except RecursionError:
            held[key] = BrokenProfile(f"{key}: its elements are nested too deeply")
    found = held[key]
    if isinstance(found, BrokenProfile):
        raise found
    return found
