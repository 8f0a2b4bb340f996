"""Code systems: what a code means, and how codes lie to one another (R4 codesystem.html).

A system is held whole (`content` complete), or in fragments: the codes of others, SNOMED CT, LOINC, ICD, UCUM, that our
own value sets and maps enumerate. Of a fragment nothing is said about the codes that are not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Subsumption = Literal["equivalent", "subsumes", "subsumed-by", "not-subsumed"]

_VALUES = ("valueCode", "valueCoding", "valueString", "valueInteger", "valueBoolean", "valueDateTime", "valueDecimal")
_ABSTRACT = frozenset({"notSelectable", "abstract"})
_INACTIVE_STATUS = frozenset({"retired", "inactive"})


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a concept; `kind` is the FHIR name of its value, such as `valueCode`."""

    code: str
    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Concept:
    """One code. `parents` are codes of the same system, `designations` as they stand in the resource."""

    code: str
    display: str | None = None
    definition: str | None = None
    properties: tuple[Property, ...] = ()
    designations: tuple[Mapping[str, Any], ...] = ()
    parents: tuple[str, ...] = ()

    @property
    def abstract(self) -> bool:
        """It groups others and is not meant to be used itself."""
        return any(entry.code in _ABSTRACT and entry.value is True for entry in self.properties)

    @property
    def inactive(self) -> bool:
        return any(
            (entry.code == "inactive" and entry.value is True)
            or (entry.code == "status" and entry.value in _INACTIVE_STATUS)
            for entry in self.properties
        )

    @property
    def words(self) -> tuple[str, ...]:
        """All that it may be called."""
        other = (entry["value"] for entry in self.designations if isinstance(entry.get("value"), str))
        return tuple(word for word in (self.display, *other) if word)


@dataclass(slots=True)
class CodeSystem:
    """One code system, its concepts in their order. A hierarchy is that of nesting and of `parent` and `child`
    properties; what it means is the system's to say, and only `is-a` (or nothing said) is subsumption."""

    url: str
    version: str | None
    name: str
    case_sensitive: bool
    complete: bool
    concepts: Mapping[str, Concept]
    hierarchy: str = "is-a"
    _folded: dict[str, str] = field(default_factory=dict)
    _children: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.case_sensitive:
            self._folded = {code.casefold(): code for code in self.concepts}
        for concept in self.concepts.values():
            for parent in concept.parents:
                self._children.setdefault(parent, []).append(concept.code)

    def concept(self, code: str) -> Concept | None:
        """The concept of that code, in any case where the system does not tell them apart."""
        found = self.concepts.get(code)
        if found is None and not self.case_sensitive:
            found = self.concepts.get(self._folded.get(code.casefold(), ""))
        return found

    def children(self, code: str) -> tuple[str, ...]:
        return tuple(self._children.get(code, ()))

    def descendants(self, code: str) -> frozenset[str]:
        """The code and all below it; empty for a code the system has not."""
        return self._reached(code, self.children)

    def ancestors(self, code: str) -> frozenset[str]:
        """The code and all above it; empty for a code the system has not."""
        return self._reached(code, lambda found: self.concepts[found].parents)

    def subsumption(self, code: str, other: str) -> Subsumption:
        """How `code` lies to `other`; both are codes of the system."""
        if code == other:
            return "equivalent"
        if self.hierarchy == "is-a":
            if code in self.ancestors(other):
                return "subsumes"
            if other in self.ancestors(code):
                return "subsumed-by"
        return "not-subsumed"

    def _reached(self, code: str, step: Callable[[str], tuple[str, ...]]) -> frozenset[str]:
        start = self.concept(code)
        found: set[str] = set()
        waiting = [start.code] if start else []
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting.extend(step(current))
        return frozenset(found)


def code_system(resource: Mapping[str, Any]) -> CodeSystem:
    """A CodeSystem resource, compiled for look-up."""
    concepts = {entry.code: entry for entry in _concepts(resource.get("concept", ()))}
    for parent, child in [(entry.code, name) for entry in concepts.values() for name in _named(entry, "child")]:
        if child in concepts and parent not in concepts[child].parents:
            concepts[child] = _with_parents(concepts[child], (parent,))
    return CodeSystem(
        url=resource["url"],
        version=resource.get("version"),
        name=resource.get("title") or resource.get("name") or resource["url"],
        case_sensitive=resource.get("caseSensitive") is not False,
        complete=resource.get("content", "complete") == "complete",
        concepts=concepts,
        hierarchy=resource.get("hierarchyMeaning", "is-a"),
    )


def fragment(url: str, codes: Iterable[tuple[str, str | None]]) -> CodeSystem:
    """The codes of somebody else's system that are enumerated here, each with the display it was seen with."""
    concepts: dict[str, Concept] = {}
    for code, display in codes:
        if code not in concepts or concepts[code].display is None:
            concepts[code] = Concept(code, display)
    return CodeSystem(url, None, url, case_sensitive=True, complete=False, concepts=concepts)


def _concepts(entries: Iterable[Mapping[str, Any]]) -> Iterator[Concept]:
    """In the order they are written, each with its parents. Nesting may be deep: a client can send a system. What has
    no code, but an extension in its place, is no concept."""
    waiting: list[tuple[Mapping[str, Any], tuple[str, ...]]] = [(entry, ()) for entry in reversed(tuple(entries))]
    while waiting:
        entry, above = waiting.pop()
        if "code" not in entry:
            continue
        properties = tuple(found for held in entry.get("property", ()) for found in _property(held))
        designations = tuple(entry.get("designation", ()))
        concept = Concept(entry["code"], entry.get("display"), entry.get("definition"), properties, designations, above)
        yield _with_parents(concept, _named(concept, "parent"))
        waiting.extend((child, (concept.code,)) for child in reversed(entry.get("concept", ())))


def _property(entry: Mapping[str, Any]) -> Iterator[Property]:
    for kind in _VALUES:
        if kind in entry and "code" in entry:
            yield Property(entry["code"], kind, entry[kind])


def _named(concept: Concept, relation: str) -> tuple[str, ...]:
    return tuple(entry.value for entry in concept.properties if entry.code == relation and entry.kind == "valueCode")


def _with_parents(concept: Concept, parents: Iterable[str]) -> Concept:
    every = tuple(dict.fromkeys((*concept.parents, *parents)))
    return Concept(concept.code, concept.display, concept.definition, concept.properties, concept.designations, every)


class CodeSystems:
    """Code systems by canonical URL, each compiled when it is first asked for. `fragments` are enumerated codes with
    their displays, by system."""

    def __init__(
        self,
        resources: Mapping[str, Mapping[str, Any]],
        fragments: Mapping[str, Iterable[tuple[str, str | None]]] | None = None,
    ) -> None:
        self._resources = resources
        self._fragments = {url: codes for url, codes in (fragments or {}).items() if url not in resources}
        self._compiled: dict[str, CodeSystem] = {}

    def get(self, url: str) -> CodeSystem | None:
        """The system with that URL, with or without `|version`; None where nothing of it is known here."""
        canonical, _, version = url.partition("|")
        if canonical not in self._compiled:
            if canonical in self._resources:
                self._compiled[canonical] = code_system(self._resources[canonical])
            elif canonical in self._fragments:
                self._compiled[canonical] = fragment(canonical, self._fragments[canonical])
        found = self._compiled.get(canonical)
        return found if found is not None and version in ("", found.version) else None

    def beside(self, stored: Mapping[str, CodeSystem]) -> CodeSystems:
        """These, behind others that are compiled already, by URL or `url|version`."""
        return _Beside(stored, self)

    @cached_property
    def urls(self) -> tuple[str, ...]:
        """Every system of which something is known."""
        return tuple(sorted({*self._resources, *self._fragments}))

    @cached_property
    def whole(self) -> tuple[str, ...]:
        """Those that are held whole."""
        return tuple(sorted(url for url, entry in self._resources.items() if entry.get("content") == "complete"))


class _Beside(CodeSystems):
    def __init__(self, stored: Mapping[str, CodeSystem], held: CodeSystems) -> None:
        super().__init__({})
        self._stored = stored
        self._held = held

    def get(self, url: str) -> CodeSystem | None:
        return self._stored.get(url) or self._held.get(url)
