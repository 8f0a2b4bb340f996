"""`_filter` to criteria: each test asks the search parameter at the end of its path in the way its operator says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fhir_service.search import terms
from fhir_service.search.chains import Plain, parsed_name
from fhir_service.search.common_criteria import COMMON
from fhir_service.search.criteria import AllOf, AnyCriterion, AnyOf, Comparison, HasInterval, HasTerm, HasText, Not
from fhir_service.search.criterion import linked, read_criterion
from fhir_service.search.dates import date_range
from fhir_service.search.filter_syntax import NAME, Both, Filter, Negation, Test, parsed_filter
from fhir_service.search.parameters import IndexedParameter, indexed_parameters
from fhir_service.search.query_faults import NotKnown, invalid, too_costly, unsupported
from fhir_service.search.query_text import escaped
from fhir_service.search.reading import MAX_LENGTH, Reading
from fhir_service.search.string_criteria import searched

_ORDERED = frozenset({"date", "number", "quantity"})
_PREFIXED = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb"})
_MODIFIERS = {
    ("token", "ss"): "below",
    ("token", "sb"): "above",
    ("token", "in"): "in",
    ("token", "ni"): "not-in",
    ("uri", "sw"): "below",
    **{(kind, "eq"): "" for kind in ("token", "uri", "reference", "composite")},
    ("reference", "re"): "",
}
"""By search type and operator: the modifier of the parameter that means the same."""
_TEXTS = {"eq": "is", "co": "contains", "sw": "starts", "ew": "ends"}


def filter_criterion(reading: Reading, resource_type: str, value: str) -> AnyCriterion:
    """A path that names no parameter is refused: without it the rest would say something else.

    Raises InvalidParameter, UnsupportedParameter, TooCostly.
    """
    if len(value) > MAX_LENGTH:
        raise too_costly(NAME, f"it has more than {MAX_LENGTH} characters")
    try:
        return _filter(reading, resource_type, parsed_filter(value))
    except NotKnown as fault:
        raise unsupported(NAME, str(fault)) from None


def _filter(reading: Reading, resource_type: str, given: Filter) -> AnyCriterion:
    match given:
        case Test():
            return _at(reading, resource_type, given.path, given, 0)
        case Negation(inner):
            return Not(_filter(reading, resource_type, inner))
        case Both(join):
            criteria = tuple(_filter(reading, resource_type, part) for part in _parts(given, join))
            return AllOf(criteria) if join == "and" else AnyOf(criteria)


def _parts(given: Filter, join: str) -> Iterator[Filter]:
    """What is joined by the same word, without the nesting."""
    if isinstance(given, Both) and given.join == join:
        yield from _parts(given.left, join)
        yield from _parts(given.right, join)
    else:
        yield given


def _at(reading: Reading, resource_type: str, path: str, test: Test, depth: int) -> AnyCriterion:
    match parsed_name(path):
        case Plain(code, modifier):
            if modifier:
                raise invalid(NAME, f"{path}: a path has no modifiers")
            return _test(reading, resource_type, code, test)
        case link:
            return linked(
                reading, resource_type, link, depth, lambda kind, rest: _at(reading, kind, rest, test, depth + 1)
            )


def _test(reading: Reading, resource_type: str, code: str, test: Test) -> AnyCriterion:
    known = indexed_parameters(resource_type).get(code)
    if known is None and code not in COMMON:
        raise NotKnown(f"{resource_type} has no parameter {code} here")
    if test.operator == "pr" and known is not None:
        if test.value not in ("true", "false"):
            raise invalid(NAME, f"{code} pr wants true or false")
        return _present(resource_type, code, present=test.value == "true")
    kind = known.type if known is not None else _COMMON_TYPES.get(code, "")
    if test.operator == "ne" and kind not in _ORDERED:
        equal = Not(_test(reading, resource_type, code, Test(test.path, "eq", test.value)))
        return equal if known is None else AllOf((_present(resource_type, code, present=True), equal))
    if kind in _ORDERED and test.operator in _PREFIXED:
        return read_criterion(reading, resource_type, code, f"{test.operator}{escaped(test.value, ',')}")
    special = _SPECIAL.get((kind, test.operator))
    if special is not None and known is not None:
        return special(reading, resource_type, known, test)
    modifier = _MODIFIERS.get((kind, test.operator))
    if modifier is None:
        raise unsupported(NAME, f"{test.operator} is not possible with {code}")
    return read_criterion(reading, resource_type, f"{code}:{modifier}".rstrip(":"), escaped(test.value, ","))


def _present(resource_type: str, code: str, *, present: bool) -> AnyCriterion:
    found = HasTerm((terms.presence_term(resource_type, code),))
    return found if present else Not(found)


def _text(_reading: Reading, resource_type: str, parameter: IndexedParameter, test: Test) -> AnyCriterion:
    if parameter.by_sound:
        raise unsupported(NAME, f"{parameter.code} is no text to compare")
    scope = terms.text_scope(resource_type, parameter.code, "string")
    return HasText(scope, _TEXTS[test.operator], searched(NAME, [escaped(test.value)]))  # type: ignore[arg-type]  # one of its kinds


def _overlaps(_reading: Reading, resource_type: str, parameter: IndexedParameter, test: Test) -> AnyCriterion:
    try:
        low, high = date_range(test.value)
    except ValueError:
        raise invalid(NAME, f"'{test.value}' is not a date") from None
    both = (Comparison("low", "<", high), Comparison("high", ">", low))
    return HasInterval("date", terms.interval_scope(resource_type, parameter.code), (both,))


_COMMON_TYPES = {"_id": "token", "_lastUpdated": "date"}
_SPECIAL: dict[tuple[str, str], Callable[[Reading, str, IndexedParameter, Test], AnyCriterion]] = {
    ("date", "po"): _overlaps,
    **{("string", operator): _text for operator in _TEXTS},
}
