"""Groups, compiled when a map is loaded, once for each combination of types they are called with.

So every element is looked up and checked before anything runs. A group that calls another asks for its code and goes
on; the other one is compiled afterwards, so that neither recursion nor long chains of groups need a deep stack.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from dataclasses import dataclass
from threading import RLock

from fhir_service.mapping import syntax
from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.loaded_map import LoadedMap, declared_type
from fhir_service.mapping.rules import GroupBuilder
from fhir_service.mapping.run import Place
from fhir_service.mapping.shapes import Shape, Shapes
from fhir_service.mapping.steps import Argument, GroupCode

_Key = tuple[str, str, tuple[tuple[str | None, bool], ...]]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A group that waits to be compiled, and who calls it."""

    key: _Key
    code: GroupCode
    module: LoadedMap
    group: syntax.Group
    arguments: tuple[Argument, ...]
    caller: Place | None


class Interpreter:
    """The code of groups."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self._compiled: dict[_Key, GroupCode] = {}
        self._waiting: deque[_Wanted] = deque()
        self._at_work = False
        self._compiling = RLock()

    def without(self, urls: Container[str], shapes: Shapes) -> Interpreter:
        """Another interpreter that has the code of these groups too, save those of the maps with these URLs."""
        other = Interpreter(shapes)
        with self._compiling:
            other._compiled = {key: code for key, code in self._compiled.items() if key[0] not in urls}
        return other

    def group(
        self, module: LoadedMap, group: syntax.Group, arguments: tuple[Argument, ...], caller: Place | None = None
    ) -> GroupCode:
        """The code of a group for arguments of these shapes. Raises MappingError."""
        shapes = tuple((shape.name if shape is not None else None, lenient) for shape, lenient in arguments)
        key = (module.tree.url, group.name, shapes)
        with self._compiling:
            return self._known(key, module, group, arguments, caller)

    def _known(
        self,
        key: _Key,
        module: LoadedMap,
        group: syntax.Group,
        arguments: tuple[Argument, ...],
        caller: Place | None,
    ) -> GroupCode:
        if key not in self._compiled:
            code = GroupCode(Place(module.tree.url, module.tree.name, group.name, "", group.position))
            self._compiled[key] = code
            self._waiting.append(_Wanted(key, code, module, group, arguments, caller))
            if not self._at_work:
                self._compile_waiting()
        return self._compiled[key]

    def declared(self, module: LoadedMap, entry: syntax.Input) -> Shape | None:
        """The shape of a parameter; None where it has no type, or one without a definition. Raises Fault."""
        return None if entry.type is None else declared_type(self.shapes, module.tree, entry.type)

    def _compile_waiting(self) -> None:
        self._at_work = True
        made: list[_Key] = []
        try:
            while self._waiting:
                made.append(self._waiting[0].key)
                self._compile(self._waiting.popleft())
        except BaseException:
            # Those that are made already may call one that is not: the next run has to meet the error too.
            for key in (*made, *(wanted.key for wanted in self._waiting)):
                self._compiled.pop(key, None)
            raise
        finally:
            self._waiting.clear()
            self._at_work = False

    def _compile(self, wanted: _Wanted) -> None:
        builder = GroupBuilder(self.shapes, self.group, wanted.module, wanted.group)
        try:
            builder.build(wanted.code, wanted.arguments, self._compiling)
        except MappingError as error:
            if wanted.caller is None or all(entry.type for entry in wanted.group.input):
                raise
            raise error.called_from(wanted.caller.map_name, str(wanted.caller.position)) from error
