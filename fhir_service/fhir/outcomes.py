"""Issues to OperationOutcome, as JSON text (R4 operationoutcome.html).

Written out here and not by a model, because every refused request needs one; a test reads them with the model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from fhir_service.fhir.errors import Issue

_SHOWN = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}
"""Control characters may stand in what was sent and in no string of FHIR: the sign that shows each."""
_FILE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-file"
_LINE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
ALL_OK = Issue("information", "informational", "All is well: no issues were found.")


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """The OperationOutcome of the issues, in their order; without any it says that all is well (`issue` is 1..*).

    The text of an issue is in `diagnostics`, its rule in `details.coding` as a code without system.
    """
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues] or [_issue(ALL_OK)]}


def outcome_bytes(issues: Iterable[Issue]) -> bytes:
    """The same as JSON text."""
    return msgspec.json.encode(operation_outcome(issues))


def outcome_of_line(issues: Iterable[Issue], file: str, line: int) -> bytes:
    """The OperationOutcome of what stood in a line of a file, with HL7's extensions for both; line 0: in all of it."""
    outcome = operation_outcome(issues)
    if line:
        for issue in outcome["issue"]:
            issue["extension"] = [{"url": _LINE, "valueInteger": line}]
    place = [{"url": _FILE, "valueString": shown(file)}]
    return msgspec.json.encode({"resourceType": "OperationOutcome", "extension": place, **outcome})


def _issue(issue: Issue) -> dict[str, Any]:
    written: dict[str, Any] = {"severity": issue.severity, "code": issue.code}
    if issue.rule:
        written["details"] = {"coding": [{"code": issue.rule}]}
    if issue.text.strip():
        written["diagnostics"] = shown(issue.text)
    if issue.expression:
        written["expression"] = [shown(place) for place in issue.expression]
    return written


def shown(text: str) -> str:
    """A text as a string of FHIR can hold it."""
    return text.translate(_SHOWN)
