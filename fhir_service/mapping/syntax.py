"""The tree of a map: the elements of the StructureMap resource under their FHIR names, with where each was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fhir_service.fhir.fhirpath_parser import Node

Constant = str | bool | int | Decimal


@dataclass(frozen=True, slots=True)
class Position:
    """Where something is written: line and column in the text, both from 1, or the path in a StructureMap resource."""

    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.path or f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Expression:
    """FHIRPath inside a map: `text` as written, `node` its tree (offsets count from the start of `text`)."""

    text: str
    node: Node
    position: Position


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant parameter. `type` is `date`, `dateTime` or `time` where it was written with `@`."""

    value: Constant
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """A parameter that names a variable."""

    name: str


Parameter = Literal | Name | Expression


@dataclass(frozen=True, slots=True)
class Structure:
    """`uses "url" alias Name as mode`."""

    url: str
    mode: str
    alias: str | None
    position: Position
    documentation: str | None = None


@dataclass(frozen=True, slots=True)
class Import:
    """`imports "url"`; `*` stands for any part of it."""

    url: str
    position: Position


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter of a group: `source name : Type` or `target name : Type`."""

    name: str
    mode: str
    type: str | None
    position: Position
    documentation: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Left side of a rule. `max` is None for `*` and where no cardinality is given (then `min` is None too)."""

    context: str
    element: str | None
    position: Position
    type: str | None = None
    min: int | None = None
    max: int | None = None
    default: Expression | None = None
    list_mode: str | None = None
    variable: str | None = None
    condition: Expression | None = None
    check: Expression | None = None
    log: Expression | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Right side of a rule; without context it only makes the value of a variable."""

    context: str | None
    element: str | None
    position: Position
    transform: str | None = None
    parameter: tuple[Parameter, ...] = ()
    variable: str | None = None
    list_mode: tuple[str, ...] = ()
    list_rule_id: str | None = None


@dataclass(frozen=True, slots=True)
class Dependent:
    """`then name(parameters)`."""

    name: str
    parameter: tuple[Parameter, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `name` is made up from the source where the text gives none; then `named` is false."""

    name: str
    named: bool
    source: tuple[Source, ...]
    target: tuple[Target, ...]
    dependent: tuple[Dependent, ...]
    rule: tuple[Rule, ...]
    position: Position
    shorthand: bool = False
    """`a.x -> b.y`: carried on by the default group of the two types, or copied."""
    documentation: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A group; `type_mode` is `none`, `types` or `type-and-types`."""

    name: str
    input: tuple[Input, ...]
    extends: str | None
    type_mode: str
    rule: tuple[Rule, ...]
    position: Position
    documentation: str | None = None


@dataclass(frozen=True, slots=True)
class StructureMap:
    """A whole map. `metadata` are the `///` lines; `contained` the embedded ConceptMaps as R4 JSON, by local name."""

    url: str
    name: str
    structure: tuple[Structure, ...]
    imports: tuple[Import, ...]
    group: tuple[Group, ...]
    metadata: tuple[tuple[str, Constant | None], ...] = ()
    contained: dict[str, dict[str, Any]] = field(default_factory=dict)
    constant: tuple[tuple[str, Expression], ...] = ()
    """`let name = expression;`, in order."""

    def meta(self, key: str) -> Constant | None:
        """The value of a `///` line, None where there is none."""
        return next((value for name, value in self.metadata if name == key), None)
