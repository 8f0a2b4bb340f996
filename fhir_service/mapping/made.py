"""What a transform makes, and what it needs of the map around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.fhirpath import Expression
from fhir_service.fhir.nodes import Node
from fhir_service.mapping import syntax
from fhir_service.mapping.run import Run
from fhir_service.mapping.scope import Frame, Scope
from fhir_service.mapping.shapes import Shape, Shapes, Slot
from fhir_service.mapping.values import text_of
from fhir_service.terminology.concept_maps import ConceptMap

Value = Callable[[Run, Frame], Any]


@dataclass(frozen=True, slots=True)
class Made:
    """What a transform makes: how, of which type (None: the content decides), and the value where it is constant.

    `instead` stands in where the first type does not fit the element.
    """

    value: Value
    shape: Shape | None
    constant: Any = None
    instead: Made | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What transforms need of the map they are in."""

    shapes: Shapes
    expression: Callable[[syntax.Expression, Scope, bool], tuple[Expression, Shape | None]]
    """Compiles FHIRPath and tells its shape; the last argument says whether a head name must be a variable."""
    concept_map: Callable[[str], ConceptMap]
    type_named: Callable[[str], Shape]
    choice: Callable[[syntax.Expression, Scope], tuple[Expression, Slot] | None]
    """For a path that ends in a choice: what leads to the element around it, and the choice."""

    def shape(self, name: str) -> Shape:
        """A FHIR type that is known to exist."""
        found = self.shapes.named(name)
        assert found is not None  # noqa: S101  # only called with names of R4 types
        return found


def of_texts(around: Surroundings, given: list[Made], make: Callable[..., Any], type_name: str = "string") -> Made:
    """A value made of texts; nothing where one of them is missing."""
    values = [entry.value for entry in given]

    def make_value(run: Run, frame: Frame) -> Any:
        texts = []
        for value in values:
            found = value(run, frame)
            if found is None:
                return None
            texts.append(found if type(found) is str else text_of(found))
        return make(*texts)

    return Made(make_value, around.shape(type_name))


def content_node(shape: Shape, content: dict[str, Any]) -> Node:
    node = Node(shape)
    node.update((key, value) for key, value in content.items() if value is not None)
    return node
