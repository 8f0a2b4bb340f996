"""The inputs of an operation that somebody sent: the Parameters resource checked, the resources in it not."""

from __future__ import annotations

import re

from fhir_service.fhir.errors import MalformedContent
from fhir_service.fhir.parameters import Parameters, read_parameters
from fhir_service.validation.json_text import read_json
from fhir_service.validation.structure import findings

_WITHIN_RESOURCE = re.compile(r"Parameters\.parameter\[\d+\](\.part\[\d+\])*\.resource\b")


def accept_parameters(text: bytes) -> Parameters:
    """The named values of a Parameters resource whose structure is right.

    What is in its resources is for the operation to judge. Raises MalformedContent with everything that is wrong.
    """
    issues = [issue for issue in findings(read_json(text)) if issue.severity in ("error", "fatal")]
    own = [issue for issue in issues if not issue.expression or not _WITHIN_RESOURCE.match(issue.expression[0])]
    if own:
        raise MalformedContent("the Parameters resource is not valid", issues=own)
    return read_parameters(text)
