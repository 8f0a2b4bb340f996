"""HL7's own code systems and value sets that R4's elements are bound to, with displays and hierarchy.

What stands on the terminologies of others (SNOMED CT, LOINC, UCUM and so on) is left out: no list here holds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from definition_compiler.package import Resource

_OURS_TO_LIST = ("http://hl7.org/fhir/", "http://terminology.hl7.org/CodeSystem/")
_TO_ENUMERATE = "http://unitsofmeasure.org"
"""Units may be enumerated in a value set; who may use them is not restricted."""
_PARTS = ("url", "version", "name", "title", "status", "caseSensitive", "hierarchyMeaning", "content", "property")
_CONCEPT_PARTS = ("code", "display", "definition", "property")
_VALUE_SET_PARTS = ("url", "version", "name", "title", "status", "compose")
_INCLUDE_PARTS = ("system", "version", "concept", "filter", "valueSet")


def terminology(
    catalogue: dict[str, Any],
    bound_elsewhere: set[str],
    value_sets: dict[str, Resource],
    code_systems: dict[str, Resource],
) -> dict[str, list[Resource]]:
    """Code systems and value sets as FHIR resources without prose, each in the order of their URLs: those that R4's
    elements are bound to, and `bound_elsewhere`."""
    complete = {url: str(system.get("version")) for url, system in code_systems.items() if _is_listed(system)}
    bound = sorted({url for url in {*_bound(catalogue), *bound_elsewhere} if _stands_on(url, value_sets, complete)})
    wanted = _with_imports(bound, value_sets)
    named = {part["system"] for url in wanted for part in _parts_of(value_sets[url]) if "system" in part}
    return {
        "code_systems": [_code_system(code_systems[url]) for url in sorted(named & complete.keys())],
        "value_sets": [_value_set(value_sets[url]) for url in wanted],
    }


def without(known: dict[str, list[Resource]], found: dict[str, list[Resource]]) -> dict[str, list[Resource]]:
    """What is found beyond what is known."""
    urls = {kind: {entry["url"] for entry in entries} for kind, entries in known.items()}
    return {kind: [entry for entry in entries if entry["url"] not in urls[kind]] for kind, entries in found.items()}


def _is_listed(system: Resource) -> bool:
    return (
        system["content"] == "complete"
        and "concept" in system
        and system["url"].startswith(_OURS_TO_LIST)
        and "|" not in system["url"]
    )


def _bound(catalogue: dict[str, Any]) -> Iterator[str]:
    for definition in catalogue["types"].values():
        for element in definition["elements"].values():
            if "binding" in element:
                yield element["binding"]["value_set"]


def _stands_on(url: str, value_sets: dict[str, Resource], complete: dict[str, str]) -> bool:
    """Whether all that the value set takes from is at hand."""
    if not value_sets.get(url, {}).get("compose"):
        return False
    return all(
        ("system" not in part or _is_held(part, complete) or _is_enumerated(part))
        and all(_stands_on(imported, value_sets, complete) for imported in _imports(part))
        for part in _parts_of(value_sets[url])
    )


def _is_held(part: Resource, complete: dict[str, str]) -> bool:
    version = complete.get(part["system"])
    return version is not None and part.get("version", version) == version


def _is_enumerated(part: Resource) -> bool:
    return part["system"] == _TO_ENUMERATE and "concept" in part


def _with_imports(urls: Iterable[str], value_sets: dict[str, Resource]) -> list[str]:
    found: set[str] = set()
    waiting = list(urls)
    while waiting:
        url = waiting.pop()
        found.add(url)
        waiting.extend(i for part in _parts_of(value_sets[url]) for i in _imports(part) if i not in found)
    return sorted(found)


def _parts_of(value_set: Resource) -> list[Resource]:
    compose = value_set["compose"]
    return [*compose["include"], *compose.get("exclude", [])]


def _imports(part: Resource) -> list[str]:
    return [url.partition("|")[0] for url in part.get("valueSet", [])]


def _code_system(system: Resource) -> Resource:
    return {**_chosen(system, _PARTS), "concept": [_concept(entry) for entry in system["concept"]]}


def _concept(concept: Resource) -> Resource:
    written = _chosen(concept, _CONCEPT_PARTS)
    if "concept" in concept:
        written["concept"] = [_concept(child) for child in concept["concept"]]
    return written


def _value_set(value_set: Resource) -> Resource:
    written = _chosen(value_set, _VALUE_SET_PARTS)
    written["compose"] = {
        name: [_chosen(part, _INCLUDE_PARTS) for part in parts]
        for name, parts in value_set["compose"].items()
        if name in ("include", "exclude")
    }
    return written


def _chosen(resource: Resource, names: Iterable[str]) -> Resource:
    """Some members, extensions within them left out."""
    return {name: _bare(resource[name]) for name in names if name in resource}


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if isinstance(value, dict):
        return {name: _bare(child) for name, child in value.items() if name != "extension" and name[0] != "_"}
    return value
