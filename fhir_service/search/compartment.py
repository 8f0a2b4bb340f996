"""Who belongs to a patient (R4 compartmentdefinition-patient, rest-rules EVT-3)."""

from __future__ import annotations

from collections.abc import Iterable

from fhir_service.search.parameters import indexed_parameters
from fhir_service.search.terms import hash_of, reference_term

_PATIENT_COMPARTMENT = {
    "AdverseEvent": ("subject",),
    "Condition": ("patient", "asserter"),
    "DetectedIssue": ("patient",),
    "DocumentReference": ("subject", "author"),
    "Observation": ("subject", "performer"),
    "Patient": ("link",),
    "Procedure": ("patient", "performer"),
    "Provenance": ("patient",),
    "Device": (),
    "Group": (),
}
"""Reference parameters through which a resource belongs to a patient. A Device has no part in the compartment; a Group
does, as a list of its members, but would carry every other member along."""
_OTHERWISE = ("patient", "subject")


def compartment_hashes(patient_id: str, resource_types: Iterable[str]) -> list[int]:
    """The hashes that tell a resource of these types to be in the compartment of a patient."""
    target = f"Patient/{patient_id}"
    return [
        hash_of(reference_term(kind, indexed_parameters(kind)[parameter].indexed_as, target))
        for kind in resource_types
        for parameter in _PATIENT_COMPARTMENT.get(kind, _OTHERWISE)
        if parameter in indexed_parameters(kind)
    ]


def provenance_hashes(targets: Iterable[tuple[str, str]]) -> list[int]:
    """The hashes that tell a Provenance to be about one of these resources."""
    return [hash_of(reference_term("Provenance", "target", f"{kind}/{resource_id}")) for kind, resource_id in targets]
