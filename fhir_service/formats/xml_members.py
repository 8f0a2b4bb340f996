"""What may stand below a holder in XML, and in which order (R4 xml.html): the definitions, ready for both ways."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import NamedTuple

from fhir_service.definitions.elements import Property, properties, resource_types

FHIR_NAMESPACE = "http://hl7.org/fhir"
XHTML_NAMESPACE = "http://www.w3.org/1999/xhtml"


class Form(Enum):
    """How a member is written: as an attribute of its parent, or as an element that holds …"""

    ATTRIBUTE = "an attribute"
    PRIMITIVE = "a value"
    COMPLEX = "elements"
    RESOURCE = "a resource"
    XHTML = "XHTML"


class Member(NamedTuple):
    """One JSON property of a holder. `place` counts the elements of the definition: choices of one share it."""

    name: str
    form: Form
    place: int
    repeats: bool
    type: str
    holder: str
    extensible: bool
    """A primitive that may have an id and extensions, in JSON under `_name`."""


@cache
def members_of(holder: str) -> Mapping[str, Member]:
    """The members of a holder (`Patient`, `HumanName`, `Patient.contact`) by JSON name, in FHIR's order.

    Raises UnknownElement."""
    places: dict[str, int] = {}
    found = {}
    for name, part in properties(holder).items():
        place = places.setdefault(part.name, len(places))
        extensible = not part.element.attribute
        found[name] = Member(name, _form(holder, part), place, part.element.repeats, part.type, part.holder, extensible)
    return found


def _form(holder: str, part: Property) -> Form:
    if part.element.attribute and holder not in resource_types():
        return Form.ATTRIBUTE
    if part.type == "xhtml":
        return Form.XHTML
    if part.type == "Resource":
        return Form.RESOURCE
    return Form.COMPLEX if part.holder else Form.PRIMITIVE
