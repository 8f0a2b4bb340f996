"""Groups and rules, compiled to closures when a map is loaded.

A group is compiled once for each combination of types it is called with, so that every element is looked up and
checked before anything runs. A frame is a list: one place for each variable of the group.
"""

from __future__ import annotations

from fhir_service.mapping import syntax
from fhir_service.mapping.modules import Argument, GroupCode, Module, declared_type
from fhir_service.mapping.rules import GroupBuilder
from fhir_service.mapping.run import Place
from fhir_service.mapping.shapes import Shape, Shapes


class Interpreter:
    """Compiles groups, each once for each combination of types."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self._compiled: dict[tuple[str, str, tuple[tuple[str | None, bool], ...]], GroupCode] = {}

    def group(self, module: Module, group: syntax.Group, arguments: tuple[Argument, ...]) -> GroupCode:
        """The code of a group for arguments of these shapes. Raises MappingError."""
        key = (
            module.tree.url,
            group.name,
            tuple((shape.name if shape is not None else None, lenient) for shape, lenient in arguments),
        )
        if key not in self._compiled:
            place = Place(module.tree.url, module.tree.name, group.name, "", group.position)
            code = self._compiled[key] = GroupCode(place)
            try:
                GroupBuilder(self.shapes, self.group, module, group).build(code, arguments)
            except BaseException:
                del self._compiled[key]
                raise
        return self._compiled[key]

    def declared(self, module: Module, entry: syntax.Input) -> Shape | None:
        """The shape of a parameter; None where it has no type, or one without a definition. Raises Fault."""
        return None if entry.type is None else declared_type(self.shapes, module.tree, entry.type)
