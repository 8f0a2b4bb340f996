"""The models of fhir.resources that our own code builds with; the one place that knows which FHIR they are of.

fhir.resources 8 offers R4B (4.3.0), R5 and STU3, and no R4 (4.0.1), which is what this service speaks. The resources
built here have the same elements, cardinalities and required bindings in R4 and R4B, so R4B's models check ours; what
R4B added to a choice of types is not used. They never see what others send: reading `1.10` they write `1.1`, and they
take many times as long as the text itself.
"""

from __future__ import annotations

from typing import Any

FHIR_VERSION = "4.0.1"


def built(resource: dict[str, Any]) -> bytes:
    """A resource of our own making as JSON text, checked by its model. Raises ValueError where it is not valid."""
    found = model(resource["resourceType"]).model_validate(resource)
    return str(found.model_dump_json()).encode()


def model(resource_type: str) -> Any:
    """The model of a type, which is loaded when it is first asked for: a tenth of a second for the largest."""
    from fhir.resources.R4B import get_fhir_model_class  # noqa: PLC0415  # no start needs it, only `/metadata`

    return get_fhir_model_class(resource_type)
