"""One parameter of one resource type to the criterion it is: by its kind, through chains and `_has`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fhir_service.definitions.elements import resource_types
from fhir_service.search import terms
from fhir_service.search.chains import Chain, Plain, Reverse, parsed_name
from fhir_service.search.common_criteria import COMMON
from fhir_service.search.composite_criteria import composite_criterion
from fhir_service.search.criteria import AnyCriterion, HasTerm, Not, PointedAtBy, PointsAt
from fhir_service.search.interval_criteria import interval_criterion
from fhir_service.search.parameters import IndexedParameter, indexed_parameters
from fhir_service.search.query_faults import NotKnown, invalid, too_costly, unsupported_modifier
from fhir_service.search.reading import MAX_DEPTH, Reading
from fhir_service.search.reference_criteria import points_at, reference_criterion
from fhir_service.search.string_criteria import string_criterion, uri_criterion
from fhir_service.search.token_criteria import token_criterion

_Read = Callable[[Reading, str, IndexedParameter, str, Sequence[str]], AnyCriterion]
_READERS: dict[str, _Read] = {
    "token": token_criterion,
    "string": string_criterion,
    "uri": uri_criterion,
    "reference": reference_criterion,
    "composite": composite_criterion,
    **dict.fromkeys(("date", "number", "quantity"), interval_criterion),
}


def read_criterion(reading: Reading, resource_type: str, name: str, value: str, depth: int = 0) -> AnyCriterion:
    """The criterion of `name=value`, percent-decoding done.

    Raises NotKnown for a parameter the type has not, InvalidParameter, UnsupportedParameter, TooCostly.
    """
    match parsed_name(name):
        case Plain(code, modifier):
            return _plain(reading, resource_type, code, modifier, value)
        case Chain() | Reverse() as link:
            return linked(
                reading,
                resource_type,
                link,
                depth,
                lambda kind, rest: read_criterion(reading, kind, rest, value, depth + 1),
            )


def linked(
    reading: Reading, resource_type: str, link: Chain | Reverse, depth: int, inner: Callable[[str, str], AnyCriterion]
) -> AnyCriterion:
    """A chain or `_has`; `inner` reads what is left of the name, for the type at the other end.

    Raises NotKnown, InvalidParameter, UnsupportedParameter, TooCostly.
    """
    if depth >= MAX_DEPTH:
        raise too_costly(link.rest, f"a chain has at most {MAX_DEPTH} links")
    if isinstance(link, Chain):
        return _chained(reading, resource_type, link, inner)
    return _reversed(resource_type, link, inner)


def _plain(reading: Reading, resource_type: str, code: str, modifier: str, value: str) -> AnyCriterion:
    name = f"{code}:{modifier}" if modifier else code
    common = COMMON.get(code)
    parameter = indexed_parameters(resource_type).get(code)
    if common is None and (parameter is None or parameter.type not in _READERS):
        raise NotKnown(f"{resource_type} has no parameter of that name here")
    values = reading.alternatives(name, value)
    if common is not None:
        if modifier:
            raise unsupported_modifier(code, modifier)
        return common(reading, values)
    assert parameter is not None  # noqa: S101  # one of the two is there
    if modifier == "missing" and parameter.type != "composite":
        return _missing(resource_type, code, values)
    return _READERS[parameter.type](reading, resource_type, parameter, modifier, values)


def _missing(resource_type: str, code: str, values: Sequence[str]) -> AnyCriterion:
    present = HasTerm((terms.presence_term(resource_type, code),))
    match values:
        case ["true"]:
            return Not(present)
        case ["false"]:
            return present
    raise invalid(f"{code}:missing", "it is true or false")


def _chained(
    reading: Reading, resource_type: str, chain: Chain, inner: Callable[[str, str], AnyCriterion]
) -> AnyCriterion:
    reference = _reference(resource_type, chain.reference)
    if chain.target and not points_at(reference, chain.target):
        raise unsupported_modifier(chain.reference, chain.target)
    target = chain.target or _only_target(reading, resource_type, reference, chain.rest)
    return PointsAt(terms.link_scope(resource_type, reference.indexed_as), target, (inner(target, chain.rest),))


def _only_target(reading: Reading, resource_type: str, reference: IndexedParameter, rest: str) -> str:
    """The type that a chain without one must mean. Raises NotKnown where none has the parameter, InvalidParameter where
    several have (CHN-1)."""
    found = [kind for kind in reading.of_served(reference.targets, resource_types()) if _is_known(kind, rest)]
    if not found:
        raise NotKnown(f"nothing that {resource_type}.{reference.code} points at here has a parameter {rest}")
    if len(found) > 1:
        told = " or ".join(f"{reference.code}:{kind}.{rest}" for kind in found[:4])
        raise invalid(f"{reference.code}.{rest}", f"several types have that parameter; say {told}")
    return found[0]


def _is_known(resource_type: str, name: str) -> bool:
    match parsed_name(name):
        case Plain(code, _) | Chain(code, _, _):
            return code in COMMON or code in indexed_parameters(resource_type)
        case Reverse(source, reference, _):
            known = indexed_parameters(source).get(reference) if source in resource_types() else None
            return known is not None and points_at(known, resource_type)


def _reversed(resource_type: str, reverse: Reverse, inner: Callable[[str, str], AnyCriterion]) -> AnyCriterion:
    if reverse.source not in resource_types():
        raise invalid("_has", f"'{reverse.source}' is not a resource type")
    reference = _reference(reverse.source, reverse.reference)
    if not points_at(reference, resource_type):
        raise invalid("_has", f"{reverse.source}.{reverse.reference} points at no {resource_type}")
    scope = terms.link_scope(reverse.source, reference.indexed_as)
    return PointedAtBy(scope, reverse.source, (inner(reverse.source, reverse.rest),))


def _reference(resource_type: str, code: str) -> IndexedParameter:
    found = indexed_parameters(resource_type).get(code)
    if found is None or found.type != "reference":
        raise NotKnown(f"{resource_type} has no reference parameter {code} here")
    return found
