"""The scopes of a person's token as grants: `user/…` for who cares for patients, `patient/…` for one patient alone.

A patient's are leave for that patient's compartment (R4 compartmentdefinition-patient.html): a search restriction for
each parameter by which a resource of the type belongs to it. So they are kept wherever restrictions are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from fhir_service.definitions.compartments import compartment
from fhir_service.fhir.access import EVERY_TYPE, Grant
from fhir_service.search.parameters import indexed_parameters
from fhir_service.search.scopes import Scope

_ITSELF = "Patient"
_OF_MANY = frozenset({"Group"})
"""In the compartment of each of its members: it would tell of the others."""


def grants_of_person(
    scopes: Iterable[Scope], types: Collection[str], *, cares: bool = False, patient: str = "", own: str = ""
) -> tuple[Grant, ...]:
    """What a token is leave for with resources of these types. `cares` says that the person is one who cares for
    patients, `own` is the id of the patient that the person is, `patient` of the one the token is about; empty: not
    said, and nothing follows from it. `system/…` is for programs that are registered here."""
    found: list[Grant] = []
    for scope in scopes:
        if scope.context == "user" and cares:
            found.append(scope.grant)
        elif scope.context == "user" and own:
            found += _in_compartment(scope.grant, own, types)
        elif scope.context == "patient" and patient:
            found += _in_compartment(scope.grant, patient, types)
    return tuple(dict.fromkeys(found))


def _in_compartment(grant: Grant, patient_id: str, types: Collection[str]) -> Iterator[Grant]:
    for kind in sorted(types) if grant.type == EVERY_TYPE else (grant.type,):
        for condition in _membership(kind, patient_id):
            yield Grant(grant.letters, kind, f"{condition}&{grant.query}" if grant.query else condition)


def _membership(kind: str, patient_id: str) -> list[str]:
    """The searches of which a member is found by one. Of other Patients that link to this one none is: they are
    resources of their own, and who they are is for their own tokens to say."""
    if kind == _ITSELF:
        return [f"_id={patient_id}"]
    if kind in _OF_MANY:
        return []
    known = indexed_parameters(kind)
    return [f"{code}=Patient/{patient_id}" for code in compartment("Patient").get(kind, ()) if code in known]
