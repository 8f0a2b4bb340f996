"""Translation of codes by ConceptMap (R4): what a row says, and nothing where no row says it.

A target counts where its equivalence is `equal`, `equivalent`, `relatedto`, `wider` or `subsumes` (or not stated): none
of them says more than the source did. `narrower`, `specializes`, `inexact`, `disjoint` and `unmatched` give nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SAFE = frozenset({None, "equal", "equivalent", "relatedto", "wider", "subsumes"})


class BrokenConceptMap(ValueError):
    """A ConceptMap that cannot be used; the message says what to mend."""


class UnknownConceptMap(LookupError):
    """There is no ConceptMap with that URL."""


@dataclass(frozen=True, slots=True)
class Coding:
    """A target of a translation."""

    system: str | None
    code: str
    display: str | None = None


@dataclass(frozen=True, slots=True)
class _Unmapped:
    mode: str
    coding: Coding | None = None


class ConceptMap:
    """One ConceptMap, compiled for look-up by code."""

    def __init__(self, resource: Mapping[str, Any]) -> None:
        self.url: str = resource.get("url") or resource.get("id") or "?"
        self.version: str | None = resource.get("version")
        self._rows: dict[tuple[str | None, str], list[Coding]] = {}
        self._unmapped: list[tuple[str | None, str | None, _Unmapped]] = []
        for group in resource.get("group", ()):
            self._read_group(group)
        self._systems: tuple[str | None, ...] = tuple(dict.fromkeys(known for known, _ in self._rows))

    def translate(self, code: str, system: str | None = None) -> tuple[Coding, ...]:
        """The targets of a code, in the order of the rows. Without `system` the code counts in every source system."""
        systems = self._systems if system is None else (system, None)
        rows = [self._rows[known, code] for known in systems if (known, code) in self._rows]
        found = tuple(dict.fromkeys(coding for row in rows for coding in row))
        return found if rows else self._otherwise(code, system)

    def _otherwise(self, code: str, system: str | None) -> tuple[Coding, ...]:
        found: list[Coding] = []
        for source, target, unmapped in self._unmapped:
            if system in (None, source):
                found.append(unmapped.coding or Coding(target or system or source, code))
        return tuple(dict.fromkeys(found))

    def _read_group(self, group: Mapping[str, Any]) -> None:
        source, target = group.get("source"), group.get("target")
        for element in group.get("element", ()):
            code = element.get("code")
            if not isinstance(code, str):
                raise BrokenConceptMap(f"ConceptMap {self.url} has an element without a code")
            row = self._rows.setdefault((source, code), [])
            row.extend(self._target(target, entry, code) for entry in element.get("target", ()) if _counts(entry))
        if (unmapped := group.get("unmapped")) is not None:
            self._unmapped.append((source, target, self._read_unmapped(target, unmapped)))

    def _target(self, system: str | None, entry: Mapping[str, Any], source_code: str) -> Coding:
        code = entry.get("code")
        if not isinstance(code, str):
            raise BrokenConceptMap(
                f"ConceptMap {self.url}: {source_code} has a target without a code and is not unmatched"
            )
        return Coding(system, code, entry.get("display"))

    def _read_unmapped(self, target: str | None, unmapped: Mapping[str, Any]) -> _Unmapped:
        mode = unmapped.get("mode")
        if mode == "provided":
            return _Unmapped(mode)
        if mode == "fixed" and isinstance(unmapped.get("code"), str):
            return _Unmapped(mode, Coding(target, unmapped["code"], unmapped.get("display")))
        raise BrokenConceptMap(f"ConceptMap {self.url}: unmapped must be 'provided', or 'fixed' with a code")


def _counts(entry: Mapping[str, Any]) -> bool:
    return entry.get("equivalence") in SAFE


class ConceptMaps:
    """ConceptMaps by canonical URL, each compiled when it is first asked for."""

    def __init__(self, resources: Mapping[str, Mapping[str, Any]]) -> None:
        self._resources = resources
        self._compiled: dict[str, ConceptMap] = {}

    def has(self, url: str) -> bool:
        """Whether there is one with that URL, with or without `|version`."""
        canonical, _, version = url.partition("|")
        return canonical in self._resources and version in ("", self._resources[canonical].get("version"))

    def get(self, url: str) -> ConceptMap:
        """The map with that URL, with or without `|version`. Raises UnknownConceptMap and BrokenConceptMap."""
        if url not in self._compiled:
            canonical, _, version = url.partition("|")
            resource = self._resources.get(canonical)
            if resource is None or version not in ("", resource.get("version")):
                raise UnknownConceptMap(f"there is no ConceptMap {url}")
            self._compiled[url] = ConceptMap(resource)
        return self._compiled[url]
