"""`_include` and `_revinclude` (rest-rules INC-1 to INC-3)."""

from __future__ import annotations

from fhir_service.definitions.elements import resource_types
from fhir_service.search.criteria import Include
from fhir_service.search.parameters import IndexedParameter, indexed_parameters
from fhir_service.search.query_faults import NotKnown, invalid, unsupported_modifier
from fhir_service.search.reference_criteria import points_at

MAX_INCLUDES = 50
_ITERATE = frozenset({"iterate", "recurse"})
"""`recurse` is what it was called before R4."""
_ALL = "*"


def read_include(code: str, modifier: str, value: str) -> Include:
    """`Source:parameter[:Target]`, with `*` for the parameter or for all of it.

    Raises NotKnown for a type or a parameter that is not there, InvalidParameter, UnsupportedParameter.
    """
    if modifier and modifier not in _ITERATE:
        raise unsupported_modifier(code, modifier)
    reverse, iterate = code == "_revinclude", bool(modifier)
    if value == _ALL:
        return Include(_ALL, _ALL, "", reverse, iterate)
    match value.split(":"):
        case [source, parameter] if source and parameter:
            target = ""
        case [source, parameter, target] if source and parameter and target:
            pass
        case _:
            raise invalid(code, f"'{value}' is not Type:parameter or Type:parameter:Target")
    for kind in (source, target):
        if kind and kind not in resource_types():
            raise NotKnown(f"{kind} is not a resource type")
    if parameter == _ALL:
        return Include(source, _ALL, target, reverse, iterate)
    known = indexed_parameters(source).get(parameter)
    if known is None or known.type != "reference":
        raise NotKnown(f"{source} has no reference parameter {parameter} here")
    if target and not points_at(known, target):
        raise NotKnown(f"{source}.{parameter} points at no {target}")
    return Include(source, known.indexed_as, target or _narrowed(known), reverse, iterate)


def _narrowed(parameter: IndexedParameter) -> str:
    """The one type that a parameter means which is answered by a wider one: `patient` by `subject`."""
    return parameter.targets[0] if parameter.indexed_as != parameter.code and len(parameter.targets) == 1 else ""
