"""Names while a map is compiled: each variable has a place in the frame of its group, and a shape where it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any

from fhir_service.mapping.errors import Fault
from fhir_service.mapping.run import Run
from fhir_service.mapping.shapes import Shape

NO_SLOT = -1
"""For what has a shape but no place of its own in the frame."""
Frame = list[Any]
Code = Callable[[Run, Frame], None]


def nothing(_run: Run, _frame: Frame) -> None:
    """A rule that cannot apply."""


@dataclass(frozen=True, slots=True)
class Variable:
    """`lenient`: its type was decided by content, so an element that this type lacks is absent, not an error."""

    slot: int
    shape: Shape | None
    mode: str
    lenient: bool = False


class Scope:
    """Variables visible at a rule; `initial` is the frame of the whole group, with constants in place."""

    def __init__(self, parent: Scope | None = None, compiling: RLock | None = None) -> None:
        self._parent = parent
        self.compiling: RLock = compiling or (RLock() if parent is None else parent.compiling)
        """Held while code is made: some is only made when a type turns up, and runs go on in several threads."""
        self._names: dict[str, Variable] = {}
        self.shares: dict[str, int] = {}
        self.this: Variable | None = None if parent is None else parent.this
        """What `$this` means in an expression."""
        self.initial: Frame = [] if parent is None else parent.initial

    def child(self) -> Scope:
        """A scope that sees this one."""
        return Scope(self)

    def new_slot(self, constant: object = None) -> int:
        """A free place in the frame."""
        self.initial.append(constant)
        return len(self.initial) - 1

    def define(self, name: str, shape: Shape | None, mode: str, *, lenient: bool = False) -> Variable:
        """A new variable; it hides an outer one of that name."""
        return self.bind(name, Variable(self.new_slot(), shape, mode, lenient))

    def bind(self, name: str, variable: Variable) -> Variable:
        """Another name for a variable."""
        self._names[name] = variable
        return variable

    def find(self, name: str) -> Variable:
        """The variable of that name. Raises Fault."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope._names:
                return scope._names[name]
            scope = scope._parent
        raise Fault(f"there is no variable {name} here; known are {', '.join(self.slots()) or 'none'}")

    def slots(self) -> Mapping[str, int]:
        """The place of every visible variable by name."""
        outer = dict(self._parent.slots()) if self._parent is not None else {}
        return outer | {name: variable.slot for name, variable in self._names.items()}

    def variables(self) -> Mapping[str, Variable]:
        """Every visible variable by name."""
        outer = dict(self._parent.variables()) if self._parent is not None else {}
        return outer | self._names

    def shared(self, name: str) -> int:
        """The place of the target that rules of this and inner scopes share under a name."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.shares:
                return scope.shares[name]
            scope = scope._parent
        return self.shares.setdefault(name, self.new_slot())
