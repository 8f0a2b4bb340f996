"""Everything that is known of one patient (R4 operation-patient-everything.html)."""

from __future__ import annotations

from collections.abc import Iterable

from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import InvalidParameter, UnsupportedParameter
from fhir_service.storage.repository import Repository, Stored

_PRESENTATION = frozenset({"_format", "_pretty", "_summary", "_elements"})


async def everything_about(
    repository: Repository, patient_id: str, parameters: Iterable[tuple[str, str]], access: Access
) -> list[Stored]:
    """The patient, the compartment, what those refer to and the Provenance of all; `_type` limits it to some types.

    Raises NotFound or Gone for the patient, InvalidParameter for a type that R4 has not, UnsupportedParameter for
    any other parameter: leaving out `start` or `_since` would return more than was asked for.
    """
    wanted = _types(parameters)
    found = await repository.everything(patient_id, access)
    return [stored for stored in found if not wanted or stored.type in wanted]


def _types(parameters: Iterable[tuple[str, str]]) -> frozenset[str]:
    wanted: set[str] = set()
    for name, value in parameters:
        if name == "_type":
            wanted.update(part for part in value.split(",") if part)
        elif name not in _PRESENTATION:
            raise UnsupportedParameter(f"$everything does not support {name[:80]}", expression=(f"http.{name[:80]}",))
    if unknown := sorted(wanted - resource_types()):
        raise InvalidParameter(f"_type: FHIR R4 has no {unknown[0][:80]}", expression=("http._type",))
    return frozenset(wanted)
