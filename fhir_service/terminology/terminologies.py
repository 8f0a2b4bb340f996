"""The terminologies of this service: our own under `mappings/`, and HL7's that R4's elements are bound to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.definitions.terminology import r4_code_systems, r4_value_sets
from fhir_service.terminology.code_systems import CodeSystem, CodeSystems
from fhir_service.terminology.errors import BrokenDefinition, NotExpandable, UnknownTerminology
from fhir_service.terminology.value_sets import ValueSets

Resources = Mapping[str, dict[str, Any]]


class Terminologies:
    """Code systems, value sets and concept maps, by canonical URL; ours, whose URLs lie under `base`, go before HL7's.

    Read when they are first asked for. Raises UnknownArtifact where `mappings/` is missing; later BrokenArtifact.
    """

    def __init__(self, base: str = DEFAULT_BASE) -> None:
        self._own = catalogue(base)

    @cached_property
    def code_system_resources(self) -> Resources:
        return {**r4_code_systems(), **self._own.artifacts(Kind.CODE_SYSTEM)}

    @cached_property
    def value_set_resources(self) -> Resources:
        return {**r4_value_sets(), **self._own.artifacts(Kind.VALUE_SET)}

    @cached_property
    def concept_maps(self) -> Resources:
        return self._own.artifacts(Kind.CONCEPT_MAP)

    @cached_property
    def code_systems(self) -> CodeSystems:
        return CodeSystems(self.code_system_resources, _enumerated(self.value_set_resources, self.concept_maps))

    @cached_property
    def value_sets(self) -> ValueSets:
        return ValueSets(self.value_set_resources, self.code_systems)

    def beside(self, code_systems: Mapping[str, CodeSystem], value_sets: Resources) -> Terminologies:
        """These, behind others of somebody else's, by URL or `url|version`, or `ValueSet/id`."""
        return _Beside(self, code_systems, value_sets)

    def holds_whole(self, system: str) -> bool:
        """Whether a code system, `url` or `url|version`, is one of these and not a fragment."""
        found = self.code_systems.get(system)
        return found is not None and found.complete

    def codes_in(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        """System and code of all members of the one with this canonical URL, or that is `ValueSet/id`, which ours have;
        None where the value set is unknown or cannot be listed."""
        kind, _, own_id = value_set.partition("/")
        by_id = (url for url, held in self.value_set_resources.items() if held.get("id") == own_id)
        if kind == "ValueSet" and value_set not in self.value_set_resources:
            value_set = next(by_id, value_set)
        try:
            return frozenset(self.value_sets.members(value_set))
        except (UnknownTerminology, NotExpandable, BrokenDefinition):
            return None

    def descendants(self, system: str, code: str) -> frozenset[str] | None:
        """The code and all that it subsumes; None where the system or the code is not known."""
        found = self.code_systems.get(system)
        return (found.descendants(code) or None) if found else None

    def ancestors(self, system: str, code: str) -> frozenset[str] | None:
        """The code and all that subsume it; None where the system or the code is not known."""
        found = self.code_systems.get(system)
        return (found.ancestors(code) or None) if found else None


class _Beside(Terminologies):
    def __init__(self, held: Terminologies, code_systems: Mapping[str, CodeSystem], value_sets: Resources) -> None:
        self._held = held
        self._code_systems = code_systems
        self._value_sets = value_sets

    @cached_property
    def code_system_resources(self) -> Resources:
        return self._held.code_system_resources

    @cached_property
    def value_set_resources(self) -> Resources:
        return {**self._held.value_set_resources, **self._value_sets}

    @cached_property
    def concept_maps(self) -> Resources:
        return self._held.concept_maps

    @cached_property
    def code_systems(self) -> CodeSystems:
        return self._held.code_systems.beside(self._code_systems)


def _enumerated(value_sets: Resources, concept_maps: Resources) -> Mapping[str, list[tuple[str, str | None]]]:
    """The codes that value sets and maps name, with the displays they were seen with, by system."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    for system, entry in (*_listed(value_sets), *_targets(concept_maps)):
        found.setdefault(system, []).append((entry["code"], entry.get("display")))
    return found


def _listed(value_sets: Resources) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in value_sets.values():
        for part in resource.get("compose", {}).get("include", ()):
            yield from ((part["system"], entry) for entry in part.get("concept", ()) if "system" in part)


def _targets(concept_maps: Resources) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in concept_maps.values():
        for group in resource.get("group", ()):
            targets = (entry for element in group["element"] for entry in element.get("target", ()))
            yield from ((group["target"], entry) for entry in targets if "target" in group and "code" in entry)


@cache
def terminologies(base: str = DEFAULT_BASE) -> Terminologies:
    """Those of one base, once for the process."""
    return Terminologies(base)
