"""The typed catalogue of FHIR R4 elements: what each path may hold, how often, bound to what, pointing where.

A *holder* names something with children: a type (`Patient`, `HumanName`) or an element that spells its children out
(`Patient.contact`). Lazily loaded, kept for the life of the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import msgspec

from fhir_service.definitions.data_files import read_data

INLINE_TYPES = frozenset({"Element", "BackboneElement"})


class Binding(msgspec.Struct, frozen=True):
    """Strength (`required`, `extensible`, `preferred`, `example`) and canonical of the value set, without version."""

    strength: str
    value_set: str
    max_value_set: str = ""


class Element(msgspec.Struct, frozen=True):
    """One element of a type. FHIR's own names for the parts, except `repeats` (max is `*`, else it is 1)."""

    types: tuple[str, ...] = ()
    """FHIR type codes; several for a choice, none where `same_as` says it."""
    min: int = 0
    repeats: bool = False
    targets: Mapping[str, tuple[str, ...]] = {}
    """By type code (Reference, canonical): names of the types it may point at."""
    profiles: Mapping[str, tuple[str, ...]] = {}
    """By type code: names of the profiles its value must meet."""
    binding: Binding | None = None
    same_as: str = ""
    """Holder whose children it shares (contentReference), for instance `Questionnaire.item`."""
    attribute: bool = False
    """It has no `_` sibling in JSON: ids, and the url of an extension."""
    summary: bool = False
    modifier: bool = False


class Primitive(msgspec.Struct, frozen=True):
    """A primitive type in JSON: its JSON type, a pattern for the whole value, limits, and a form to tell a person."""

    json: str
    form: str
    pattern: str = ""
    max_length: int | None = msgspec.field(default=None, name="maxLength")
    minimum: int | None = None
    maximum: int | None = None


class TypeDefinition(msgspec.Struct, frozen=True):
    """A resource type or data type; `elements` by path below the type (`contact.name`, `value[x]`)."""

    kind: str
    elements: Mapping[str, Element]
    base: str = ""
    abstract: bool = False


class Property(msgspec.Struct, frozen=True):
    """A JSON property: the element it stands for, its name in the definition (`value[x]`) and its one type."""

    name: str
    element: Element
    type: str
    holder: str
    """Where the children of its value are; empty for a primitive."""


class UnknownElement(LookupError):
    """R4 has no such type or element."""


class _Catalogue(msgspec.Struct, frozen=True):
    primitives: Mapping[str, Primitive]
    types: Mapping[str, TypeDefinition]


@cache
def _catalogue() -> _Catalogue:
    return read_data("elements.json", _Catalogue)


def types() -> Mapping[str, TypeDefinition]:
    """Every resource type and complex data type by name."""
    return _catalogue().types


def primitives() -> Mapping[str, Primitive]:
    """Every primitive type by name."""
    return _catalogue().primitives


def definition(type_name: str) -> TypeDefinition:
    """A resource type or complex data type. Raises UnknownElement."""
    try:
        return types()[type_name]
    except KeyError:
        raise UnknownElement(f"FHIR R4 has no type {type_name}") from None


def is_primitive(type_name: str) -> bool:
    return type_name in primitives()


@cache
def resource_types() -> frozenset[str]:
    """The 146 types that a resource can have."""
    return frozenset(name for name, entry in types().items() if entry.kind == "resource" and not entry.abstract)


def is_a(type_name: str, ancestor: str) -> bool:
    """Whether `type_name` is `ancestor` or derived from it (Age is a Quantity, Patient a DomainResource)."""
    return ancestor in lineage(type_name)


def lineage(type_name: str) -> frozenset[str]:
    """The type and all that it derives from."""
    return _lineages().get(type_name, frozenset((type_name,)))


@cache
def _lineages() -> Mapping[str, frozenset[str]]:
    return {name: frozenset(_bases(name)) for name in types()}


def _bases(type_name: str) -> Iterator[str]:
    while type_name:
        yield type_name
        type_name = types()[type_name].base if type_name in types() else ""


@cache
def children(holder: str) -> Mapping[str, Element]:
    """The child elements of a holder by their own name (`family`, `value[x]`), in FHIR's order.

    Raises UnknownElement."""
    type_name, _, parent = holder.partition(".")
    elements = definition(type_name).elements
    found = {path.rpartition(".")[2]: entry for path, entry in elements.items() if path.rpartition(".")[0] == parent}
    if not found:
        raise UnknownElement(f"FHIR R4 has no element {holder} with children")
    return found


@cache
def properties(holder: str) -> Mapping[str, Property]:
    """The JSON properties of a holder by name: choices spelled out (`valueQuantity`), `_` siblings left out."""
    found = {}
    for name, entry in children(holder).items():
        stem = name.removesuffix("[x]")
        for code in entry.types or (entry.same_as,):
            json_name = stem if stem == name else f"{stem}{code[0].upper()}{code[1:]}"
            found[json_name] = Property(name, entry, code, _holder_of(holder, name, entry, code))
    return found


def _holder_of(holder: str, name: str, entry: Element, code: str) -> str:
    if entry.same_as:
        return entry.same_as
    if code in INLINE_TYPES:
        return f"{holder}.{name}"
    return "" if is_primitive(code) else code


@cache
def element(type_name: str, path: str) -> Element:
    """The element at a path below a type or holder, through data types and content references.

    A choice is named by its stem or `[x]` (`value`: all types) or by one type (`valueQuantity`: that type only); to
    go below it, name the type. Raises UnknownElement.
    """
    first, *rest = path.split(".")
    found, holder = _step(type_name, first, f"{type_name}.{path}")
    for step in rest:
        if not holder:
            raise UnknownElement(f"{type_name}.{path} goes below a primitive or an undecided choice")
        found, holder = _step(holder, step, f"{type_name}.{path}")
    return found


def _step(holder: str, step: str, wanted: str) -> tuple[Element, str]:
    stem = step.removesuffix("[x]")
    if (chosen := properties(holder).get(step)) is not None:
        entry = chosen.element
        narrowed = msgspec.structs.replace(entry, types=(chosen.type,)) if len(entry.types) > 1 else entry
        return narrowed, chosen.holder
    if (choice := children(holder).get(f"{stem}[x]")) is not None:
        return choice, ""
    raise UnknownElement(f"{wanted}: {holder} has no element {step}")


def holder_at(type_name: str, path: str) -> str:
    """The holder of the children of the element at that path (`Patient`, `contact.name` gives `HumanName`); empty for a
    primitive. Raises UnknownElement."""
    holder = type_name
    for step in path.split("."):
        if not holder:
            raise UnknownElement(f"{type_name}.{path} goes below a primitive or an undecided choice")
        _, holder = _step(holder, step, f"{type_name}.{path}")
    return holder


def is_list(type_name: str, path: str) -> bool:
    """Whether the element at that path is an array in JSON. Raises UnknownElement."""
    return element(type_name, path).repeats


def choice_types(type_name: str, path: str) -> tuple[str, ...]:
    """The types the element at that path may have, in FHIR's order. Raises UnknownElement."""
    return element(type_name, path).types
