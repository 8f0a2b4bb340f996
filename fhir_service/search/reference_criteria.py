"""Reference parameters: ids, addresses, identifiers (rest-rules REF-1 to REF-4)."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.references import ID
from fhir_service.search import terms
from fhir_service.search.criteria import AnyCriterion, HasTerm
from fhir_service.search.hierarchies import HIERARCHY, hierarchy_criterion
from fhir_service.search.parameters import IndexedParameter, patient_parameter
from fhir_service.search.query_faults import invalid, unsupported_modifier
from fhir_service.search.query_text import unescaped
from fhir_service.search.reading import BareId, Reading
from fhir_service.search.reference_values import normal_reference, target_type
from fhir_service.search.token_criteria import token_term


def reference_criterion(
    reading: Reading, resource_type: str, parameter: IndexedParameter, modifier: str, values: Sequence[str]
) -> AnyCriterion:
    """Raises InvalidParameter, UnsupportedParameter for a modifier that is no type the parameter points at."""
    code = parameter.code
    if modifier == "identifier":
        name = terms.identifier_of(code)
        return HasTerm(tuple(token_term(resource_type, name, value, code) for value in values))
    if modifier in HIERARCHY:
        return hierarchy_criterion(reading, resource_type, parameter, modifier, values)
    if modifier and not points_at(parameter, modifier):
        raise unsupported_modifier(code, modifier)
    found = [term for value in values for term in reference_terms(reading, resource_type, parameter, modifier, value)]
    return HasTerm(tuple(dict.fromkeys(found)), _patient(resource_type, parameter, found))


def points_at(parameter: IndexedParameter, kind: str) -> bool:
    """Whether a reference parameter can point at resources of this type."""
    return kind in resource_types() and (not parameter.targets or kind in parameter.targets)


def reference_terms(
    reading: Reading, resource_type: str, parameter: IndexedParameter, modifier: str, text: str
) -> list[str]:
    """`id`, `Type/id`, an absolute URL or a canonical; a modifier names the type of an id. Raises InvalidParameter."""
    code, indexed_as = parameter.code, parameter.indexed_as
    value = unescaped(text)
    allowed = (modifier,) if modifier else parameter.targets
    if ID.fullmatch(value):
        types = reading.of_served(allowed, resource_types())
        if len(types) > 1:
            reading.bare_ids.append(BareId(code, value, types))
        if not modifier and parameter.any_target:
            return [terms.id_term(resource_type, indexed_as, value)]
        return [terms.reference_term(resource_type, indexed_as, f"{kind}/{value}") for kind in allowed]
    target = normal_reference(value, reading.base)
    if target is None or ("/" not in target and ":" not in target):
        raise invalid(code, f"'{value}' is not id, Type/id or an absolute URL")
    kind = target_type({"reference": target})
    if kind is not None and allowed and kind not in allowed:
        raise invalid(code, f"'{value}' is no reference to {' or '.join(allowed)}")
    return [terms.reference_term(resource_type, indexed_as, target)]


def _patient(resource_type: str, parameter: IndexedParameter, found: Sequence[str]) -> str | None:
    """The one patient whose partition holds all that matches."""
    if len(found) != 1 or parameter.indexed_as != patient_parameter(resource_type):
        return None
    beginning = terms.reference_term(resource_type, parameter.indexed_as, "Patient/")
    return found[0].removeprefix(beginning) if found[0].startswith(beginning) else None
