"""All that concept maps say of a code, in either direction, the rows without a target included (R4 $translate).

`concept_maps.py` gives only what may be written into a resource; here a client is told everything, with the
equivalence that lets it judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_service.terminology.code_validation import Coding

NO_TRANSLATION = frozenset({"unmatched", "disjoint"})
_UNSAID = "relatedto"
_REVERSED = {"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}
"""How the source lies to the target, where the target lies to the source so."""


@dataclass(frozen=True, slots=True)
class Match:
    """One row. `equivalence` tells how `target` lies to the code that was asked for; without a target no row has one.
    `products` are element URI and coding of what comes besides; `conditional` rows hold only where `dependsOn` does."""

    map: str
    equivalence: str
    target: Coding | None = None
    products: tuple[tuple[str, Coding], ...] = ()
    conditional: bool = False


def translations(
    concept_map: Mapping[str, Any], coding: Coding, *, target_system: str = "", reverse: bool = False
) -> list[Match]:
    """What a ConceptMap says of a code, each once. A code without system counts in every source system; only targets
    of `target_system` where it is given. With `reverse` the code is a target, and its sources are looked for."""
    url = concept_map.get("url") or "?"
    found: dict[Match, None] = {}
    asked, given = ("target", "source") if reverse else ("source", "target")
    stated = {group.get(given) for group in concept_map.get("group", ())} - {None}
    if target_system and stated and target_system not in stated:
        return []
    for group in concept_map.get("group", ()):
        if not _is_of(group.get(asked), coding.system) or not _is_of(group.get(given), target_system):
            continue
        rows = _backward(url, group, coding) if reverse else _forward(url, group, coding)
        found.update(dict.fromkeys(rows))
    return list(found)


def _is_of(system: str | None, wanted: str) -> bool:
    return not wanted or system is None or system == wanted


def _forward(url: str, group: Mapping[str, Any], coding: Coding) -> Iterator[Match]:
    elements = [element for element in group.get("element", ()) if element.get("code") == coding.code]
    for element in elements:
        for entry in element.get("target", ()):
            equivalence = entry.get("equivalence") or _UNSAID
            target = _coding(group.get("target"), entry) if "code" in entry else None
            products = tuple(
                (part["property"], Coding(part.get("system") or "", part["value"], part.get("display") or ""))
                for part in entry.get("product", ())
                if "property" in part and "value" in part
            )
            yield Match(url, equivalence, target, products, "dependsOn" in entry)
    unmapped = group.get("unmapped")
    if not elements and unmapped is not None:
        yield from _unmapped(url, group, unmapped, coding)


def _unmapped(url: str, group: Mapping[str, Any], unmapped: Mapping[str, Any], coding: Coding) -> Iterator[Match]:
    """`other-map` leads to a map that the caller may ask by itself; nothing is made up for it."""
    if unmapped.get("mode") == "provided":
        system = group.get("target") or coding.system or group.get("source") or ""
        yield Match(url, "equal", Coding(system, coding.code, coding.display))
    elif unmapped.get("mode") == "fixed" and "code" in unmapped:
        yield Match(url, _UNSAID, _coding(group.get("target"), unmapped))


def _backward(url: str, group: Mapping[str, Any], coding: Coding) -> Iterator[Match]:
    for element in group.get("element", ()):
        for entry in element.get("target", ()):
            if entry.get("code") == coding.code:
                equivalence = entry.get("equivalence") or _UNSAID
                source = _coding(group.get("source"), element) if "code" in element else None
                yield Match(url, _REVERSED.get(equivalence, equivalence), source, (), "dependsOn" in entry)


def _coding(system: str | None, entry: Mapping[str, Any]) -> Coding:
    return Coding(system or "", entry["code"], entry.get("display") or "")
