"""What a StructureMap resource has no place for, and how it is said there all the same, by HL7's own extensions.

- A name that is no FHIR id (`my_var`, a rule "Simple Assignment") stands as an id made from it, with the name as
  written in the extension originalText.
- FHIRPath or a constant where only a variable or a text can stand carries the extension cqf-expression.
- An element or code of the other release has HL7's extension for just that element (versions.html, "inter-version").
- R4 wants a rule in every group: an empty group has one that does nothing, marked by data-absent-reason.
"""

from __future__ import annotations

import re
from typing import Any, Literal

Release = Literal["R4", "R5"]

ORIGINAL_TEXT = "http://hl7.org/fhir/StructureDefinition/originalText"
EXPRESSION = "http://hl7.org/fhir/StructureDefinition/cqf-expression"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
FHIRPATH = "text/fhirpath"

SOURCE_LIST_MODES = ("first", "not_first", "last", "not_last", "only_one")
TARGET_LIST_MODES: dict[Release, tuple[str, ...]] = {
    "R4": ("first", "share", "last", "collate"),
    "R5": ("first", "share", "last", "single"),
}
TRANSFORMS = (
    *("create", "copy", "truncate", "escape", "cast", "append", "translate", "reference", "dateOp", "uuid"),
    *("pointer", "evaluate", "cc", "c", "qty", "id", "cp"),
)
_OTHER: dict[Release, str] = {"R4": "5.0", "R5": "4.0"}


def of_other_release(release: Release, element: str) -> str:
    """The URL of the extension that says, in a resource of `release`, what the other release has as `element`."""
    return f"http://hl7.org/fhir/{_OTHER[release]}/StructureDefinition/extension-StructureMap.{element}"


def as_id(name: str) -> str:
    """The FHIR id that stands for a name; the name itself where it is one."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name)[:64]


def put_name(into: dict[str, Any], key: str, name: str) -> None:
    """A name as an element of type id."""
    into[key] = as_id(name)
    if into[key] != name:
        into["_" + key] = {"extension": [{"url": ORIGINAL_TEXT, "valueString": name}]}


def expression_extension(text: str) -> dict[str, Any]:
    """The extension that carries FHIRPath."""
    return {"url": EXPRESSION, "valueExpression": {"language": FHIRPATH, "expression": text}}
