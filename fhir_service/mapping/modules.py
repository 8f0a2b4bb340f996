"""A loaded map as its groups see it, and a group once it is compiled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from fhir_service.fhir.nodes import ContentFault
from fhir_service.mapping import syntax
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.run import Place, Run
from fhir_service.mapping.scope import Code, Frame
from fhir_service.mapping.shapes import Shape, Shapes
from fhir_service.terminology.concept_maps import ConceptMap

Argument = tuple[Shape | None, bool]
"""The shape of what a group is called with, and whether content decided it."""


class Module(Protocol):
    """A loaded map: what its names stand for."""

    @property
    def tree(self) -> syntax.StructureMap: ...

    def group(self, name: str) -> tuple[Module, syntax.Group]:
        """The group of that name, here or in an imported map. Raises Fault."""
        ...

    def groups(self) -> list[tuple[Module, syntax.Group]]:
        """Every group that can be named here."""
        ...

    def concept_map(self, url: str) -> ConceptMap:
        """Embedded (`#name`) or of the service. Raises UnknownConceptMap and BrokenConceptMap."""
        ...


@dataclass(slots=True)
class GroupCode:
    """A compiled group. `initial` is its empty frame: parameters first."""

    place: Place
    initial: Frame = field(default_factory=list)
    rules: list[Code] = field(default_factory=list)

    def __call__(self, run: Run, arguments: list[Any]) -> None:
        run.enter(self.place)
        frame = self.initial[:]
        frame[: len(arguments)] = arguments
        for rule in self.rules:
            rule(run, frame)
        run.depth -= 1


def declared_type(shapes: Shapes, tree: syntax.StructureMap, name: str) -> Shape | None:
    """What a type name means in a map: an alias of `uses`, else a FHIR type. Raises Fault."""
    for structure in tree.structure:
        if name in (structure.alias, structure.url) or (structure.alias is None and structure.url.endswith("/" + name)):
            return shapes.by_url(structure.url)
    found = shapes.named(name)
    if found is None:
        raise Fault(f"there is no type {name}; declare it with uses")
    return found


class placed:  # noqa: N801  # reads as a statement: with placed(…)
    """Turns a Fault, or an error of FHIRPath, into a MappingError that tells the place."""

    __slots__ = ("_place",)

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ContentFault):
            raise self._place.error(str(error)) from error
