"""Parameters of transforms and calls out of a resource: `value[x]` of a target or of an R5 call, `variable` of R4."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from fhir_service.fhir.fhirpath_lexer import SyntaxFault
from fhir_service.mapping.resource_names import EXPRESSION, ORIGINAL_TEXT
from fhir_service.mapping.resource_part import Part, decimal
from fhir_service.mapping.syntax import Constant, Dependent, Expression, Literal, Name, Parameter
from fhir_service.mapping.term_parser import whole_expression, whole_parameter
from fhir_service.mapping.term_text import UNPRINTABLE

_VARIABLE = re.compile(r"(?!(?:true|false)$)[A-Za-z_][A-Za-z0-9_.-]*")
_VALUES = ("Id", "String", "Boolean", "Integer", "Decimal", "Date", "Time", "DateTime")
_DATES = {"Date": "date", "Time": "time", "DateTime": "dateTime"}


def name(part: Part, key: str) -> str:
    """A name, as it was written where it is no FHIR id. Raises MappingError."""
    return checked_name(part, key, part.extension(ORIGINAL_TEXT, part.beside(key)) or part.required(key))


def checked_name(part: Part, key: str, given: Any) -> str:
    """The same, where it can be a name. Raises MappingError."""
    if not isinstance(given, str) or not given.strip() or UNPRINTABLE.search(given):
        part.refuse("this cannot be a name", key)
    return given


def expression(part: Part, key: str) -> Expression | None:
    """FHIRPath, None where there is none. Raises MappingError."""
    text = part.text(key)
    return None if text is None else fhirpath(part, key, text)


def fhirpath(part: Part, key: str, text: str) -> Expression:
    """A text as FHIRPath. Raises MappingError."""
    with _fhirpath_at(part, key):
        return whole_expression(text, part.at(key))


@contextmanager
def _fhirpath_at(part: Part, key: str) -> Iterator[None]:
    try:
        yield
    except SyntaxFault as fault:
        part.refuse(f"{fault.text} (line {fault.line}, column {fault.column} of the expression)", key)
    except RecursionError:
        part.refuse("this expression is nested too deeply", key)


def read_values(parts: list[Part], *, last_is_fhirpath: bool = False) -> tuple[Parameter, ...]:
    """`parameter` of a target or of a call. Raises MappingError."""
    found: list[Parameter] = [_value(part) for part in parts]
    if last_is_fhirpath:
        part, last = parts[-1], found[-1]
        if isinstance(last, Name):
            found[-1] = fhirpath(part, "valueId", last.name)
        elif isinstance(last, Literal):
            found[-1] = expression(part, "valueString") or part.refuse("FHIRPath is wanted here", "valueString")
    return tuple(found)


def read_dependent(part: Part) -> Dependent:
    """A call, of R4 or R5. Raises MappingError."""
    part.only("name", "variable", "parameter")
    if "parameter" in part.value and "variable" in part.value:
        part.refuse("a call has variables (R4) or parameters (R5), not both", "parameter")
    given = read_values(part.parts("parameter")) or _variables(part)
    if not given:
        part.refuse("a call has at least one parameter", "variable")
    return Dependent(name(part, "name"), given, part.position)


def variables_set_before(part: Part) -> set[str]:
    """The variables of a call or a target that were made up, since what they stand for has no place there."""
    found = [(entry, entry.value.get("valueId"), entry.beside("valueId")) for entry in part.parts("parameter")]
    if isinstance(part.value.get("variable"), list):  # of a call; that of a target is a text
        found += [(part, *entry) for entry in zip(part.items("variable"), _beside(part), strict=True)]
    return {
        variable
        for place, variable, beside in found
        if isinstance(variable, str) and place.extension(EXPRESSION, beside, "valueExpression") is not None
    }


def _variables(part: Part) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    for index, (value, beside) in enumerate(zip(part.items("variable"), _beside(part), strict=True)):
        key = f"variable[{index}]"
        original = part.extension(ORIGINAL_TEXT, beside)
        carried = _carried(part, key, beside)
        text = Part({key: value}, part.path).required(key)
        if original is not None:
            found.append(Name(checked_name(part, key, original)))
        elif carried is not None or not _VARIABLE.fullmatch(text):
            found.append(_parameter(part, key, carried if carried is not None else text))
        else:
            found.append(Name(text))
    return tuple(found)


def _beside(part: Part) -> list[Mapping[str, Any]]:
    """What stands beside each variable."""
    count, given = len(part.items("variable")), part.items("_variable")
    if any(entry is not None and not isinstance(entry, dict) for entry in given) or len(given) > count:
        part.refuse("beside the variables stands a list of objects, one for each", "_variable")
    return [entry or {} for entry in given] + [{}] * (count - len(given))


def _value(part: Part) -> Parameter:
    part.only(*(f"value{kind}" for kind in _VALUES))
    kinds = [kind for kind in _VALUES if f"value{kind}" in part.value or f"_value{kind}" in part.value]
    if len(kinds) != 1:
        part.refuse("a parameter has one value[x]")
    kind, key = kinds[0], f"value{kinds[0]}"
    carried = _carried(part, key, part.beside(key))
    if carried is not None:
        return _parameter(part, key, carried)
    return Name(name(part, key)) if kind == "Id" else constant(part, key, kind)


def constant(part: Part, key: str, kind: str) -> Literal:
    """A constant of a primitive type (`String`, `Integer`, …). Raises MappingError."""
    value: Constant | None
    if kind == "Boolean":
        value = part.value.get(key)
        if not isinstance(value, bool):
            part.refuse("true or false is wanted", key)
        return Literal(value)
    if kind in ("Integer", "Decimal"):
        value = decimal(part, key)
        if value is None:
            part.refuse("this is missing", key)
        return Literal(_whole(part, key, value, kind == "Integer"))
    if kind in _DATES:
        return _dated(part, key, kind)
    given = part.value.get(key)
    if not isinstance(given, str) or any("\ud800" <= character <= "\udfff" for character in given):
        part.refuse("a text is wanted", key)
    return Literal(given)


def _whole(part: Part, key: str, value: Decimal, wanted: bool) -> int | Decimal:
    """Whole numbers too large for an integer are decimals in a resource."""
    is_whole = value == value.to_integral_value() and int(value.as_tuple().exponent) >= 0
    if wanted and not is_whole:
        part.refuse("a whole number is wanted", key)
    return int(value) if wanted or (is_whole and not -(2**31) <= value < 2**31) else value


def _dated(part: Part, key: str, kind: str) -> Literal:
    text = part.required(key)
    before = "@T" if kind == "Time" else "@"
    read = _parameter(part, key, before + text + ("T" if kind == "DateTime" and "T" not in text else ""))
    if not isinstance(read, Literal) or read.type != _DATES[kind]:
        part.refuse(f"a {_DATES[kind]} is wanted", key)
    return read


def _carried(part: Part, key: str, beside: Mapping[str, Any]) -> str | None:
    """The FHIRPath that stands beside a primitive."""
    given = part.extension(EXPRESSION, beside, "valueExpression")
    if given is None:
        return None
    text = given.get("expression") if isinstance(given, dict) else None
    return text if isinstance(text, str) else part.refuse("the expression beside it has no text", key)


def _parameter(part: Part, key: str, text: str) -> Parameter:
    with _fhirpath_at(part, key):
        return whole_parameter(text, part.at(key))
