"""What a name means below one item of plain JSON: a property, a choice by its stem, the value of a primitive."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fhir_service.fhir.fhirpath_operators import Items
from fhir_service.fhir.nodes import PrimitiveNode, child_items

_CHOICES = frozenset(
    [
        "Base64Binary",
        "Boolean",
        "Canonical",
        "Code",
        "Date",
        "DateTime",
        "Decimal",
        "Id",
        "Instant",
        "Integer",
        "Markdown",
        "Oid",
        "PositiveInt",
        "String",
        "Time",
        "UnsignedInt",
        "Uri",
        "Url",
        "Uuid",
        "Address",
        "Age",
        "Annotation",
        "Attachment",
        "CodeableConcept",
        "Coding",
        "ContactPoint",
        "Count",
        "Distance",
        "Duration",
        "HumanName",
        "Identifier",
        "Money",
        "Period",
        "Quantity",
        "Range",
        "Ratio",
        "Reference",
        "SampledData",
        "Signature",
        "Timing",
        "ContactDetail",
        "Contributor",
        "DataRequirement",
        "Expression",
        "ParameterDefinition",
        "RelatedArtifact",
        "TriggerDefinition",
        "UsageContext",
        "Dosage",
        "Meta",
    ]
)
"""What may follow the stem of a choice in JSON."""


def members(item: Any, name: str) -> Items:
    """The children of one item by element name: also a choice by its stem, and `value` of a primitive."""
    if not isinstance(item, dict):
        return [item] if name == "value" else []
    if name in item or "_" + name in item:
        return child_items(item, name)
    if type(item) is PrimitiveNode and name == "value":
        return [] if item.value is None else [item.value]
    choices = choice_keys(name)
    if choices.isdisjoint(item):
        return []
    return child_items(item, next(key for key in item if key in choices))


@lru_cache(maxsize=4096)
def choice_keys(stem: str) -> frozenset[str]:
    """The JSON names that a choice of that stem can have."""
    return frozenset(stem + suffix for suffix in _CHOICES)
