"""Who belongs to a patient, an encounter and so on (R4 compartmentdefinition, rest-rules SRC-3, EVT-3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from fhir_service.definitions.compartments import compartment, compartment_types
from fhir_service.search.criteria import AnyCriterion, AnyOf, HasTerm, IdCriterion
from fhir_service.search.parameters import indexed_parameters, patient_parameter
from fhir_service.search.terms import HashOfBeginning, link_scope, reference_term

_OF_MANY = frozenset({"Group"})
"""Members of a patient's compartment that everything about one patient leaves out: a Group, as a list of its members,
would carry every other member along."""


def compartment_criterion(compartment_type: str, resource_id: str, resource_type: str) -> AnyCriterion | None:
    """What a resource of `resource_type` must meet to be in the compartment of `compartment_type/resource_id`. None
    where that type has no part in it, or the other no compartment."""
    found = tuple(_member_terms(compartment_type, resource_id, resource_type))
    terms = tuple(dict.fromkeys(term for _, term in found))
    own = {parameter for parameter, _ in found} == {patient_parameter(resource_type)}
    member = HasTerm(terms, patient=resource_id if compartment_type == "Patient" and own else None)
    if resource_type == compartment_type and compartment_type in compartment_types():
        itself = IdCriterion((resource_id,))
        return AnyOf((itself, member)) if terms else itself
    return member if terms else None


def compartment_hashes(patient_id: str, resource_types: Sequence[str]) -> list[int]:
    """The hashes that tell a resource of these types to be about a patient."""
    end = patient_id.encode()
    return [beginning.with_end(end) for beginning in _of_a_patient(tuple(resource_types))]


@lru_cache(256)
def _of_a_patient(resource_types: tuple[str, ...]) -> tuple[HashOfBeginning, ...]:
    """Those of all patients up to their id: there are more than a hundred."""
    wanted = (kind for kind in resource_types if kind not in _OF_MANY)
    return tuple(HashOfBeginning(term) for kind in wanted for _, term in _member_terms("Patient", "", kind))


@cache
def patient_scopes(resource_type: str) -> frozenset[str]:
    """The scopes of links that tell a resource of the type to be about a patient."""
    known = indexed_parameters(resource_type)
    codes = () if resource_type in _OF_MANY else compartment("Patient").get(resource_type, ())
    return frozenset(link_scope(resource_type, known[code].indexed_as) for code in codes if code in known)


def _member_terms(compartment_type: str, resource_id: str, resource_type: str) -> Iterator[tuple[str, str]]:
    """The terms that make a member, each with the parameter it is indexed under."""
    known = indexed_parameters(resource_type)
    for code in compartment(compartment_type).get(resource_type, ()):
        if code in known:
            parameter = known[code].indexed_as
            yield parameter, reference_term(resource_type, parameter, f"{compartment_type}/{resource_id}")
