"""The value of a patch operation as the JSON of the element it is for, of the very type FHIR gives that element.

A type that Parameters has no value[x] for is spelled out in parts, one for each child (R4 fhirpatch.html).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_service.definitions.elements import Element, Property, UnknownElement, is_primitive
from fhir_service.fhir.json_text import exact_value
from fhir_service.fhir.parameters import Parameter
from fhir_service.patching.faults import PatchFault
from fhir_service.patching.places import Item, Place, Slot

_XHTML = frozenset({"String", "Markdown"})
"""Parameters know no valueXhtml; a narrative comes as a text."""


def built(slots: list[Slot], given: Parameter) -> tuple[Slot, Item]:
    """The slot that takes a value of that type, and the item to put there. Raises PatchFault."""
    if sum(map(bool, (given.resource, given.type, given.part))) > 1:
        raise PatchFault("the value is given in more than one way; give it as value[x], as resource, or in parts")
    if given.resource:
        slot = _slot(slots, lambda entry: entry.type == "Resource", given)
        return slot, Item(exact_value(given.resource))
    if given.type:
        slot = _slot(slots, lambda entry: _takes(entry, given.type), given)
        return slot, Item(given.value, given.beside)
    if given.part:
        slot = _slot(slots, lambda entry: not is_primitive(entry.type) and entry.type != "Resource", given)
        return slot, Item(_from_parts(slot, given.part))
    raise PatchFault("the value is empty: give it as value[x], as resource, or in parts")


def _slot(slots: list[Slot], fits: Callable[[Property], bool], given: Parameter) -> Slot:
    found = [slot for slot in slots if fits(slot.entry)]
    if len(found) == 1:
        return found[0]
    types = " or ".join(f"value{_upper(slot.entry.type)}" for slot in slots if "." not in slot.entry.type)
    if found:
        raise PatchFault(f"{slots[0].path} can be of several types; give its value as {types}")
    sent = "resource" if given.resource else f"value{given.type}" if given.type else "parts"
    wanted = "parts, one for each child" if _is_spelled_out(slots) else types
    raise PatchFault(f"{slots[0].path} has to be given as {wanted}, not as {sent}")


def _takes(entry: Property, type_name: str) -> bool:
    return _upper(entry.type) == type_name or (entry.type == "xhtml" and type_name in _XHTML)


def _is_spelled_out(slots: list[Slot]) -> bool:
    return all("." in slot.entry.holder for slot in slots)


def _from_parts(slot: Slot, parts: tuple[Parameter, ...]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    entry = Property(slot.key, Element(), slot.entry.type, slot.entry.holder)
    place = Place(Slot({slot.key: made}, slot.key, entry, slot.path), 0)
    for part in parts:
        try:
            slots = place.slots(part.name)
        except UnknownElement as unknown:
            raise PatchFault(str(unknown)) from None
        append(slots, part)
    return made


def append(slots: list[Slot], given: Parameter) -> None:
    """Put a value behind what is there; where an element does not repeat, only if there is none. Raises PatchFault."""
    slot, item = built(slots, given)
    there = [one for other in slots for one in other.items]
    if there and not slot.entry.element.repeats:
        raise PatchFault(f"{slot.path} is there already, and can be there once; replace it instead")
    slot.put([*slot.items, item])


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]
