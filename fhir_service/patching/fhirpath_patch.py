"""FHIRPath Patch (R4 fhirpatch.html): operations in a Parameters resource, each on the result of the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fhir_service.definitions.elements import UnknownElement
from fhir_service.fhir.errors import MalformedContent, UnprocessableContent
from fhir_service.fhir.parameters import Parameter, Parameters
from fhir_service.patching.building import append, built
from fhir_service.patching.faults import PatchFault
from fhir_service.patching.places import Place, root, without_empty
from fhir_service.patching.selecting import Walk, selected, selected_list

_NO_VALUE = Parameter("value")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; what its type has no use for is empty."""

    type: str
    path: str
    name: str = ""
    value: Parameter = _NO_VALUE
    index: int = 0
    source: int = 0
    destination: int = 0


@dataclass(frozen=True, slots=True)
class FhirPathPatch:
    """Operations in their order, all of which are done or none."""

    operations: tuple[Operation, ...]

    @property
    def size(self) -> int:
        """How many operations there are."""
        return len(self.operations)

    def applied(self, resource: dict[str, Any]) -> Any:
        """The resource afterwards; `resource` itself is changed on the way and not to be used again.

        Raises UnprocessableContent, which names the operation by its index (from 0) and its path.
        """
        top = root(resource)
        walk = Walk(top)
        for index, operation in enumerate(self.operations):
            try:
                _OPERATIONS[operation.type](walk, operation)
            except PatchFault as fault:
                text = f"operation {index} of the patch ({operation.type} {operation.path[:200]}): {fault}"
                raise UnprocessableContent(text, expression=(f"Parameters.parameter[{index}]",)) from None
        if any(operation.type == "delete" for operation in self.operations):
            without_empty(top.slot.owner)
        return top.item.value


def fhirpath_patch(parameters: Parameters) -> FhirPathPatch:
    """The patch that the parameters describe. Raises MalformedContent where they describe none."""
    return FhirPathPatch(tuple(_operation(index, item) for index, item in enumerate(parameters.items)))


def _one(operation: Operation, walk: Walk) -> Place:
    places = selected(operation.path, walk)
    if len(places) != 1:
        raise PatchFault(f"the path has to select one element; it selects {len(places) or 'none'}")
    return places[0]


def _add(walk: Walk, operation: Operation) -> None:
    place = _one(operation, walk)
    try:
        slots = place.slots(operation.name, make=True)
    except UnknownElement as unknown:
        raise PatchFault(str(unknown)) from None
    append(slots, operation.value)


def _insert(walk: Walk, operation: Operation) -> None:
    slot = selected_list(operation.path, walk)
    items = slot.items
    if not 0 <= operation.index <= len(items):
        raise PatchFault(f"index is {operation.index}; it has to be 0 to {len(items)}, the length of the list")
    items.insert(operation.index, built([slot], operation.value)[1])
    slot.put(items)


def _delete(walk: Walk, operation: Operation) -> None:
    places = selected(operation.path, walk)
    if len(places) > 1:
        raise PatchFault(f"the path has to select one element; it selects {len(places)}")
    for place in places:
        if place.key == walk.root.key:
            raise PatchFault("the whole cannot be deleted; to delete a resource, use DELETE")
        items = place.slot.items
        del items[place.index]
        place.slot.put(items)


def _replace(walk: Walk, operation: Operation) -> None:
    place = _one(operation, walk)
    old = place.slot
    new, item = built(old.choices, operation.value)
    items = old.items
    items[place.index] = item
    old.rename(new.key)
    new.put(items)


def _move(walk: Walk, operation: Operation) -> None:
    slot = selected_list(operation.path, walk)
    items = slot.items
    for name, index in (("source", operation.source), ("destination", operation.destination)):
        if not 0 <= index < len(items):
            raise PatchFault(f"{name} is {index}; it has to be an index of the list, which has {len(items)} items")
    items.insert(operation.destination, items.pop(operation.source))
    slot.put(items)


_OPERATIONS: dict[str, Callable[[Walk, Operation], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}
_PARTS = {
    "add": ("path", "name", "value"),
    "insert": ("path", "value", "index"),
    "delete": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "source", "destination"),
}
"""The parts of each operation besides its type, all of which it needs."""
_TEXTS = frozenset({"type", "path", "name"})


def _operation(index: int, item: Parameter) -> Operation:
    if item.name != "operation":
        raise _malformed(index, f"is named '{item.name[:80]}'; every parameter of a FHIRPath Patch is an operation")
    parts: dict[str, Parameter] = {}
    for part in item.part:
        if part.name in parts:
            raise _malformed(index, f"has the part {part.name[:80]} more than once")
        parts[part.name] = part
    values = {name: _checked(index, part) for name, part in parts.items()}
    kind = values.pop("type", "")
    if kind not in _OPERATIONS:
        raise _malformed(index, f"has to have a type out of {', '.join(_OPERATIONS)}")
    wanted = _PARTS[kind]
    for name in wanted:
        if name not in values:
            raise _malformed(index, f"is of type {kind} and has no {name}")
    for name in values:
        if name not in wanted:
            raise _malformed(index, f"is of type {kind}, which has no part {name[:80]}; it has {', '.join(wanted)}")
    return Operation(kind, **values)


def _checked(index: int, part: Parameter) -> Any:
    """The value of a part, and the whole part named `value`."""
    if part.name == "value":
        return part
    wanted, name = (str, "a text") if part.name in _TEXTS else (int, "a whole number")
    if type(part.value) is not wanted:
        raise _malformed(index, f"has a part {part.name[:80]} that is not {name}")
    return part.value


def _malformed(index: int, text: str) -> MalformedContent:
    return MalformedContent(f"operation {index} of the patch {text}", expression=(f"Parameters.parameter[{index}]",))
