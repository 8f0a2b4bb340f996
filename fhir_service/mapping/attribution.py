"""Which artifacts, in which versions, made each resource of a mapped Bundle: read from the trace of the run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.syntax import Literal, Rule, StructureMap
from fhir_service.mapping.trace import Trace


class Artifact(NamedTuple):
    """A StructureMap or ConceptMap: `canonical` is its URL with `|version`, the URL alone where it has none."""

    type: str
    canonical: str


def made_by(maps: MapLibrary, notes: Trace) -> dict[int, tuple[Artifact, ...]]:
    """By place of the entry: the maps whose rules wrote something into its resource, and the ConceptMaps by which these
    rules translate. The rule that only opens the resource is not counted: it says that there is one, not what it says.
    """
    translations = _translations(maps)
    known: dict[frozenset[int], tuple[Artifact, ...]] = {}
    found: dict[int, tuple[Artifact, ...]] = {}
    for entry, places in enumerate(notes.places_by_item("entry", "resource")):
        by = frozenset(places)
        if by not in known:
            artifacts = {structure_map(maps, url) for url in {place.map_url for place in places.values()}}
            for place in places.values():
                artifacts |= translations.get((place.map_url, place.group, place.rule), set())
            known[by] = tuple(sorted(artifacts, key=_maps_first))
        found[entry] = known[by]
    return found


def structure_map(maps: MapLibrary, url: str) -> Artifact:
    """A map of the library, with its version."""
    return _artifact("StructureMap", url, maps.maps[url].meta("version"))


def concept_maps_of(tree: StructureMap) -> set[str]:
    """The URLs of the ConceptMaps that a map translates by, those it contains aside."""
    return {url for group in tree.group for rule in _every(group.rule) for url in _translates_by(rule)}


def _maps_first(artifact: Artifact) -> tuple[bool, str]:
    return artifact.type != "StructureMap", artifact.canonical


@lru_cache(maxsize=4)
def _translations(maps: MapLibrary) -> dict[tuple[str, str, str], set[Artifact]]:
    """By map, group and rule. Rules of one name in one group are not told apart."""
    found: defaultdict[tuple[str, str, str], set[Artifact]] = defaultdict(set)
    for tree in maps.maps.values():
        for group in tree.group:
            for rule in _every(group.rule):
                for url in _translates_by(rule):
                    version = maps.concept_maps.get(url).version
                    artifact = _artifact("ConceptMap", url.partition("|")[0], version)
                    found[tree.url, group.name, rule.name].add(artifact)
    return found


def _every(rules: Iterable[Rule]) -> Iterator[Rule]:
    for rule in rules:
        yield rule
        yield from _every(rule.rule)


def _translates_by(rule: Rule) -> Iterator[str]:
    for target in rule.target:
        if target.transform == "translate" and len(target.parameter) > 1:
            url = target.parameter[1]
            if isinstance(url, Literal) and isinstance(url.value, str) and "#" not in url.value:
                yield url.value


def _artifact(kind: str, url: str, version: object) -> Artifact:
    return Artifact(kind, url if version is None else f"{url}|{version}")
