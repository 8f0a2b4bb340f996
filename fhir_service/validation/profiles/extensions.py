"""Every extension of a resource against its own definition: known or not, its content, where it may stand.

R4 extensibility.html: an extension that is not known may be passed over, a modifierExtension may not. Its definition
has to be published, which it cannot be at a domain that is kept for examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from fhir_service.definitions.elements import Property, is_a, properties, resource_types
from fhir_service.fhir.fhirpath import evaluate
from fhir_service.fhir.nodes import ContentFault
from fhir_service.validation.profiles import wording
from fhir_service.validation.profiles.constraints import context_invariant_holds
from fhir_service.validation.profiles.errors import BrokenProfile, UnknownProfile
from fhir_service.validation.profiles.instances import Item
from fhir_service.validation.profiles.runs import Run

_HL7 = "http://hl7.org/fhir/StructureDefinition/"
"""Where HL7 itself defines extensions; those of guides are elsewhere."""
_PLACEHOLDER = re.compile(r"https?://([^/]+\.)?(example(\.(com|net|org|edu))?|test|invalid)(:\d+)?(/|$)", re.IGNORECASE)
"""Domains that nobody can own (RFC 2606), so that nothing can be published there."""
_ANYWHERE = frozenset({"Element", "*", "Base"})


class _Place(NamedTuple):
    """An element that may carry extensions: its JSON object (that of the sibling, for a primitive), its FHIRPath
    expression, its path in definitions (`Patient.contact.name`) and in its type (`HumanName.family`), its type."""

    value: dict[str, Any]
    where: str
    path: str
    own_path: str
    type: str
    holder: str
    parent_extension: str = ""


def check_extensions(resource: Any, where: str, run: Run) -> None:
    """Those of a resource and of everything in it."""
    for place in _places(resource, where):
        for name, modifies in (("extension", False), ("modifierExtension", True)):
            extensions = place.value.get(name)
            for at, extension in enumerate(extensions if isinstance(extensions, list) else ()):
                if isinstance(extension, dict) and isinstance(extension.get("url"), str):
                    run.budget.spend()
                    _check(extension, f"{place.where}.{name}[{at}]", place, run, modifies=modifies)


def _check(extension: dict[str, Any], where: str, place: _Place, run: Run, *, modifies: bool) -> None:
    url = extension["url"]
    if place.type == "Extension" and ":" not in url:
        return  # part of a complex extension: its definition says what it is
    try:
        definition = run.registry.definition(url)
        compiled = run.registry.compiled(url)
    except UnknownProfile:
        _unknown(url, where, run, modifies=modifies)
        return
    except BrokenProfile as error:
        run.once("error", "not-supported", f"{error}; nothing was checked against it", where, "profile.broken")
        return
    if compiled.type != "Extension":
        run.found("error", "structure", wording.no_extension(url), where, "profile.extension")
        return
    if definition.contexts and not any(_fits(kind, expression, place, run) for kind, expression in definition.contexts):
        text = wording.wrong_context(url, place.path, [expression for _, expression in definition.contexts])
        run.found("error", "structure", text, where, "profile.extension-context")
    for written in definition.context_invariants:
        if not context_invariant_holds(written, Item(place.value, None, place.type, ""), extension, run):
            text = wording.broken_context_invariant(url, place.path, written)
            run.found("error", "invariant", text, where, "profile.extension-context")
    if definition.modifies is not None and definition.modifies != modifies:
        text = wording.wrong_modifier(url, modifies=definition.modifies)
        run.found("error", "structure", text, where, "profile.extension-modifier")
    compiled.check(Item(extension, None, "Extension", ""), where, run)


def _unknown(url: str, where: str, run: Run, *, modifies: bool) -> None:
    if modifies:
        run.found("error", "extension", wording.unknown_modifier(url), where, "profile.extension-unknown")
    elif url.startswith(_HL7):
        run.found("error", "extension", wording.unknown_of_hl7(url), where, "profile.extension-unknown")
    elif _PLACEHOLDER.match(url):
        run.found("error", "extension", wording.placeholder_extension(url), where, "profile.extension-unknown")
    else:
        run.once("information", "extension", wording.unknown_extension(url), where, "profile.extension-unknown")


def _fits(kind: str, expression: str, place: _Place, run: Run) -> bool:
    if kind == "extension":
        return place.parent_extension == expression
    if kind == "fhirpath":
        return _selected(expression, place, run)
    wanted = expression.replace("[x]", "")
    if wanted in _ANYWHERE or wanted in (place.path, place.own_path, place.holder, place.type):
        return True
    head, dot, rest = wanted.partition(".")
    if not dot:
        return is_a(place.type, wanted) or (wanted == "Extension" and place.type == "Extension")
    top, _, below = place.own_path.partition(".")
    return bool(below) and below == rest and is_a(top, head)


def _selected(expression: str, place: _Place, run: Run) -> bool:
    """Whether FHIRPath from the resource leads to the element; yes where that cannot be told."""
    try:
        found = evaluate(expression, run.resource)
    except (ContentFault, RecursionError, ArithmeticError):
        return True
    return any(item is place.value for item in found) or not any(isinstance(item, dict) for item in found)


def _places(resource: Any, where: str) -> Iterator[_Place]:
    """Every element with extensions, nested resources included, outer before inner."""
    waiting: list[_Place] = []
    _add_resource(waiting, resource, where)
    while waiting:
        place = waiting.pop()
        value = place.value
        if "extension" in value or "modifierExtension" in value:
            yield place
        allowed = properties(place.holder)
        for key, part in value.items():
            kind = type(part)
            if kind is dict or (kind is list and type(part[0] if part else None) is not str):
                entry = allowed.get(key.removeprefix("_"))
                if entry is not None:
                    _add_values(waiting, place, key, part, entry)


def _add_values(waiting: list[_Place], place: _Place, key: str, part: Any, entry: Property) -> None:
    stem = entry.name.removesuffix("[x]")
    type_name = entry.type
    primitive = key[0] == "_" or not entry.holder
    holder = "Element" if primitive else entry.holder
    where, path, own_path = f"{place.where}.{stem}", f"{place.path}.{stem}", f"{place.holder}.{stem}"
    for step, value in _numbered(part):
        if not isinstance(value, dict):
            continue
        if type_name == "Resource":
            _add_resource(waiting, value, where + step)
            continue
        url = value.get("url") if type_name == "Extension" else None
        waiting.append(
            _Place(value, where + step, path, own_path, type_name, holder, url if isinstance(url, str) else "")
        )


def _add_resource(waiting: list[_Place], resource: Any, where: str) -> None:
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    if isinstance(name, str) and name in resource_types():
        waiting.append(_Place(resource, where, name, name, name, name))


def _numbered(part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, list):
        yield from ((f"[{at}]", item) for at, item in enumerate(part))
    else:
        yield "", part
