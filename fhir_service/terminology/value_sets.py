"""Value sets: all the codes that one stands for (R4 valueset.html#compositions).

An include takes from a code system (listed codes, those that meet filters, or all), from other value sets, or what
both have; an exclude takes away in the same way. A whole code system, or a filter, needs a system that is held whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_service.terminology.code_systems import CodeSystem, CodeSystems, Concept
from fhir_service.terminology.errors import (
    BrokenDefinition,
    NotExpandable,
    TooManyCodes,
    UnknownTerminology,
    held_in_part,
)
from fhir_service.terminology.filters import matching

_MOST_IMPORTS = 20
"""Value sets inside value sets."""
_MOST_WORK = 3_000_000
"""Codes that may be looked at for one value set; some seconds."""

Key = tuple[str, str]
"""System and code."""


@dataclass(frozen=True, slots=True)
class Member:
    """A code of a value set; `words` are all that it may be called, the display first."""

    system: str
    code: str
    display: str | None = None
    version: str | None = None
    abstract: bool = False
    inactive: bool = False
    designations: tuple[Mapping[str, Any], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        other = (entry["value"] for entry in self.designations if isinstance(entry.get("value"), str))
        return tuple(word for word in (self.display, *other) if word)


Members = Mapping[Key, Member]


@dataclass(slots=True)
class _Work:
    """How many codes were looked at for one value set."""

    codes: int = 0

    def done(self, codes: int) -> None:
        self.codes += codes
        if self.codes > _MOST_WORK:
            raise TooManyCodes(f"to compose the value set more than {_MOST_WORK} codes would have to be looked at")


class ValueSets:
    """Value sets by canonical URL, each composed when it is first asked for."""

    def __init__(self, resources: Mapping[str, Mapping[str, Any]], code_systems: CodeSystems) -> None:
        self._resources = resources
        self._code_systems = code_systems
        self._composed: dict[str, Members] = {}

    def get(self, url: str) -> Mapping[str, Any]:
        """The resource with that URL, with or without `|version`. Raises UnknownTerminology."""
        if url in self._resources:
            return self._resources[url]
        canonical, _, version = url.partition("|")
        found = self._resources.get(canonical)
        if found is None or version not in ("", found.get("version")):
            raise UnknownTerminology(f"this server has no value set {url[:200]}")
        return found

    def members(self, url: str) -> Members:
        """All codes of the value set with that URL.

        Raises UnknownTerminology, NotExpandable, BrokenDefinition, and TooManyCodes where to find them costs too much.
        """
        return self._imported(url, (), _Work())

    def members_of(self, resource: Mapping[str, Any]) -> Members:
        """All codes of a value set at hand. Raises as `members`."""
        return self._compose(resource, (), _Work())

    def _imported(self, url: str, path: tuple[str, ...], work: _Work) -> Members:
        resource = self.get(url)
        canonical = url.partition("|")[0]
        if canonical in path:
            raise BrokenDefinition(f"the value set {canonical[:200]} takes from itself")
        if len(path) >= _MOST_IMPORTS:
            raise BrokenDefinition(f"value sets are taken from one another over more than {_MOST_IMPORTS} steps")
        if url not in self._composed:
            self._composed[url] = self._compose(resource, (*path, canonical), work)
        return self._composed[url]

    def _compose(self, resource: Mapping[str, Any], path: tuple[str, ...], work: _Work) -> Members:
        if "compose" not in resource:
            return _expanded(resource)
        compose = resource["compose"]
        found: dict[Key, Member] = {}
        for part in compose.get("include", ()):
            found.update({key: member for key, member in self._part(part, path, work).items() if key not in found})
        for part in compose.get("exclude", ()):
            for key in self._part(part, path, work):
                found.pop(key, None)
        if compose.get("inactive") is False:
            found = {key: member for key, member in found.items() if not member.inactive}
        return found

    def _part(self, part: Mapping[str, Any], path: tuple[str, ...], work: _Work) -> Members:
        """What one include or exclude stands for: what its system and all its value sets have in common."""
        imported = part.get("valueSet", ())
        if None in imported:
            raise BrokenDefinition("a value set takes from another one that it does not name")
        sources = [self._imported(url, path, work) for url in imported]
        if (system := part.get("system")) is not None:
            sources.insert(0, self._of_system(system, part, work))
        if not sources:
            raise BrokenDefinition("an include of a value set needs a system or a valueSet")
        first, *others = sources
        work.done(sum(map(len, sources)))
        return {key: member for key, member in first.items() if all(key in other for other in others)}

    def _of_system(self, url: str, part: Mapping[str, Any], work: _Work) -> Members:
        version = part.get("version")
        system = self._code_systems.get(f"{url}|{version}" if version else url)
        if "concept" in part:
            return _members(_listed(url, entry, system, version) for entry in part["concept"] if "code" in entry)
        if system is None or not system.complete:
            raise NotExpandable(held_in_part(url) if system else f"this server has no code system {url[:200]}")
        work.done(len(system.concepts) * (1 + len(part.get("filter", ()))))
        concepts = matching(system, part["filter"]) if "filter" in part else system.concepts.values()
        return _members(_member(system, concept) for concept in concepts)


def _members(found: Iterable[Member]) -> Members:
    return {(member.system, member.code): member for member in found}


def _member(system: CodeSystem, concept: Concept) -> Member:
    return Member(
        system.url,
        concept.code,
        concept.display,
        system.version,
        concept.abstract,
        concept.inactive,
        concept.designations,
    )


def _listed(url: str, entry: Mapping[str, Any], system: CodeSystem | None, version: str | None) -> Member:
    """A code that a value set lists; the words it gives go before those of the code system."""
    code = entry["code"]
    concept = system.concept(code) if system else None
    known = _member(system, concept) if system and concept else Member(url, code, version=version)
    return Member(
        url,
        code,
        entry.get("display") or known.display,
        known.version,
        known.abstract,
        known.inactive,
        (*entry.get("designation", ()), *known.designations),
    )


def _expanded(resource: Mapping[str, Any]) -> Members:
    """The codes of a value set that came with its expansion and without its definition."""
    if "expansion" not in resource:
        raise NotExpandable(f"the value set {resource.get('url', 'that was sent')} has neither compose nor expansion")
    found: dict[Key, Member] = {}
    waiting = list(reversed(resource["expansion"].get("contains", ())))
    while waiting:
        entry = waiting.pop()
        waiting.extend(reversed(entry.get("contains", ())))
        system, code = entry.get("system"), entry.get("code")
        if isinstance(system, str) and isinstance(code, str):
            found[system, code] = Member(
                system,
                code,
                entry.get("display"),
                entry.get("version"),
                entry.get("abstract") is True,
                entry.get("inactive") is True,
                tuple(entry.get("designation", ())),
            )
    return found
