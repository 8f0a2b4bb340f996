"""Parameters of transforms and calls as `value[x]`.

A resource has variables and constants there, no FHIRPath; R4 has only variables in calls. What has no place becomes a
target of its own right before, which sets a variable (`evaluate`, `copy`): so every engine can run the map. The
variable carries what stands for it in the extension cqf-expression, by which the reader puts it back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import count
from typing import Any

from fhir_service.definitions.elements import primitives
from fhir_service.mapping.resource_names import ORIGINAL_TEXT, Release, as_id, expression_extension, put_name
from fhir_service.mapping.syntax import Dependent, Expression, Literal, Name, Parameter, Rule, StructureMap, Target
from fhir_service.mapping.term_text import constant_text

_INTEGERS = range(-(2**31), 2**31)
_TEXT = re.compile(r"[\t\n\r\x20-\x7e\x80-\U0010ffff]+")
_PLAIN_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9.-]{0,63}")


class ParameterWriter:
    """Writes the parameters of one map; makes up variables that the map has not."""

    def __init__(self, release: Release, tree: StructureMap) -> None:
        self.release = release
        taken = set(_variables(rule for group in tree.group for rule in group.rule))
        taken |= {entry.name for group in tree.group for entry in group.input} | {name for name, _ in tree.constant}
        self._free = (name for number in count(1) if (name := f"parameter-{number}") not in taken)

    def target(self, target: Target) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The parameters of a target, and the targets that have to come before it."""
        before: list[dict[str, Any]] = []
        if target.transform == "evaluate":
            *context, expression = target.parameter
            given = [self._value(entry, before) for entry in context]
            return [*given, self._whole_expression(expression, before)], before
        return [self._value(entry, before) for entry in target.parameter], before

    def dependent(self, entry: Dependent) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """A call, and the targets that have to come before it."""
        before: list[dict[str, Any]] = []
        called: dict[str, Any] = {}
        put_name(called, "name", entry.name)
        if self.release == "R5":
            return {**called, "parameter": [self._value(given, before) for given in entry.parameter]}, before
        variables = [self._variable(given, before) for given in entry.parameter]
        called["variable"] = [value for value, _ in variables]
        if any(beside for _, beside in variables):
            called["_variable"] = [beside for _, beside in variables]
        return called, before

    def _whole_expression(self, entry: Parameter, before: list[dict[str, Any]]) -> dict[str, Any]:
        return {"valueString": entry.text} if isinstance(entry, Expression) else self._value(entry, before)

    def _value(self, entry: Parameter, before: list[dict[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if isinstance(entry, Name):
            put_name(found, "valueId", entry.name)
        elif isinstance(entry, Expression):
            found["valueId"] = self._set_before(entry, before)
            found["_valueId"] = {"extension": [expression_extension(entry.text)]}
        else:
            found = constant_value(entry, self.release)
        return found

    def _variable(self, entry: Parameter, before: list[dict[str, Any]]) -> tuple[str, dict[str, Any] | None]:
        if isinstance(entry, Name) and _PLAIN_VARIABLE.fullmatch(entry.name) and entry.name not in ("true", "false"):
            return entry.name, None
        if isinstance(entry, Name):
            return as_id(entry.name), {"extension": [{"url": ORIGINAL_TEXT, "valueString": entry.name}]}
        text = entry.text if isinstance(entry, Expression) else constant_text(entry)
        return self._set_before(entry, before), {"extension": [expression_extension(text)]}

    def _set_before(self, entry: Expression | Literal, before: list[dict[str, Any]]) -> str:
        variable = next(self._free)
        if isinstance(entry, Expression):
            transform, value = "evaluate", {"valueString": entry.text}
        else:
            transform, value = "copy", constant_value(entry, self.release)
        before.append({"variable": variable, "transform": transform, "parameter": [value]})
        return variable


def _variables(rules: Iterable[Rule]) -> Iterator[str]:
    """The variables that rules define."""
    for rule in rules:
        yield from (entry.variable for entry in rule.source if entry.variable is not None)
        yield from (entry.variable for entry in rule.target if entry.variable is not None)
        yield from _variables(rule.rule)


def constant_value(entry: Literal, release: Release) -> dict[str, Any]:
    """`value[x]` of a constant. What its type cannot hold (an empty text, dates in R4) has its FHIRPath beside it."""
    value = entry.value
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value} if value in _INTEGERS else {"valueDecimal": Decimal(value)}
    if isinstance(value, Decimal):
        return {"valueDecimal": value}
    if entry.type is not None and release == "R5" and _is_of(value, entry.type):
        return {f"value{entry.type[0].upper()}{entry.type[1:]}": value}
    if entry.type is None and _TEXT.fullmatch(value):
        return {"valueString": value}
    beside = {"_valueString": {"extension": [expression_extension(constant_text(entry))]}}
    return beside if entry.type is None else {"valueString": value, **beside}


def default_value(default: Expression, constant: Literal | None, release: Release) -> dict[str, Any]:
    """A default: FHIRPath in R5; in R4 a value, or an Expression where it is no constant."""
    if release == "R5":
        return {"defaultValue": default.text}
    if constant is not None and constant_text(constant) == default.text:
        value = constant.value
        kind = constant.type or _json_type(value)
        if not isinstance(value, str) or (_TEXT.fullmatch(value) and _is_of(value, kind)):
            return {f"defaultValue{kind[0].upper()}{kind[1:]}": value}
    return {"defaultValueExpression": {"language": "text/fhirpath", "expression": default.text}}


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if value in _INTEGERS else "decimal"
    return "decimal" if isinstance(value, Decimal) else "string"


def _is_of(value: Any, type_name: str) -> bool:
    pattern = primitives()[type_name].pattern
    return not pattern or re.fullmatch(pattern, str(value)) is not None
