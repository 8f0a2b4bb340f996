"""The value of a choice, with its type: `answer.value` is a string, a Coding, a date, as its JSON name says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_service.fhir.fhirpath import Expression
from fhir_service.fhir.nodes import Node, PrimitiveNode, child_items
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.made import Made
from fhir_service.mapping.run import Run
from fhir_service.mapping.scope import NO_SLOT, Frame
from fhir_service.mapping.shapes import Shapes, Slot
from fhir_service.mapping.values import adopt


def of_choice(shapes: Shapes, around: Expression, slot: Slot, this: int) -> Made:
    """The one value of a choice below what `around` gives; `this` is the place of the item that it starts from."""

    def value(_run: Run, frame: Frame) -> Any:
        parents = around(None if this == NO_SLOT else frame[this], frame)
        found = [item for parent in parents if isinstance(parent, dict) for item in _typed(shapes, slot, parent)]
        if len(found) > 1:
            raise Fault(f"{around.text} gives {len(found)} items where one is wanted")
        return found[0] if found else None

    return Made(value, None)


def _typed(shapes: Shapes, slot: Slot, parent: dict[str, Any]) -> Iterator[Any]:
    for entry in slot.properties:
        shape = shapes.named(entry.shape)
        for item in child_items(parent, entry.key, shape):
            if isinstance(item, Node) or shape is None:
                yield item
            elif isinstance(item, dict):
                yield adopt(shapes, item, shape)
            else:
                yield PrimitiveNode(shape, item)
