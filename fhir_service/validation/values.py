"""What one value may be: primitives, codes out of required value sets, and where references may point."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

import msgspec

from fhir_service.definitions.codes import required_codes
from fhir_service.definitions.elements import Primitive, Property, primitives
from fhir_service.validation import wording
from fhir_service.validation.schema_validators import matches

_RELATIVE = re.compile(r"([A-Za-z]+)[/?]")
_TYPE_NAME = re.compile(r"(?:http://hl7\.org/fhir/StructureDefinition/)?([A-Za-z]+)")
_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float, Decimal),
}

Codes = Mapping[str, tuple[str, ...]]


class Fault(msgspec.Struct, frozen=True):
    """Rule key without its prefix, the text for the submitter, and the path below the value, for instance `.type`."""

    rule: str
    text: str
    below: str = ""


def primitive_fault(found: Property, value: Any) -> Fault | None:
    """What is wrong with the value of a primitive element, its required binding included."""
    form = primitives()[found.type]
    if value == "" and form.json == "string":
        return Fault("empty", wording.empty_string())
    if not _fits(form, value):
        return Fault("primitive", wording.primitive(found.type, form.form, value))
    codes = _codes_for(found)
    if codes is not None and not any(value in listed for listed in codes.values()):
        return Fault("binding", wording.code_not_in_value_set(value, codes, _value_set(found)))
    return None


def coding_fault(found: Property, value: Any) -> Fault | None:
    """Whether a CodeableConcept that must take a code from a value set has one; one that says nothing at all passes."""
    if found.type != "CodeableConcept" or not isinstance(value, dict) or not ("coding" in value or "text" in value):
        return None
    codes = _codes_for(found)
    if codes is None or any(_is_member(coding, codes) for coding in _codings(value)):
        return None
    return Fault("binding", wording.concept_not_in_value_set(_codings(value), codes, _value_set(found)))


def reference_fault(found: Property, value: Any) -> Fault | None:
    """Whether a relative reference, or the type a reference states, is none of the types allowed here."""
    targets = found.element.targets.get("Reference", ())
    if found.type != "Reference" or not isinstance(value, dict) or targets in ((), ("Resource",)):
        return None
    literal, stated = value.get("reference"), value.get("type")
    if isinstance(literal, str) and (match := _RELATIVE.match(literal)) and match[1] not in targets:
        return Fault("reference-target", wording.wrong_target(match[1], targets), ".reference")
    if isinstance(stated, str) and (match := _TYPE_NAME.fullmatch(stated)) and match[1] not in targets:
        return Fault("reference-target", wording.wrong_target(match[1], targets), ".type")
    return None


def _fits(form: Primitive, value: Any) -> bool:
    if not isinstance(value, _JSON_TYPES[form.json]) or (isinstance(value, bool) and form.json != "boolean"):
        return False
    if isinstance(value, str):
        short_enough = form.max_length is None or len(value) <= form.max_length
        return short_enough and _is_unicode(value) and matches(form.pattern, value)
    if isinstance(value, int) and form.json == "integer":
        return (form.minimum is None or value >= form.minimum) and (form.maximum is None or value <= form.maximum)
    if isinstance(value, Decimal):
        return value.is_finite()
    return not isinstance(value, float) or isfinite(value)


def _is_unicode(value: str) -> bool:
    """Whether there is no half of a surrogate pair in it."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _codes_for(found: Property) -> Codes | None:
    binding = found.element.binding
    return required_codes(binding.value_set) if binding and binding.strength == "required" else None


def _value_set(found: Property) -> str:
    return found.element.binding.value_set if found.element.binding else ""


def _codings(concept: dict[str, Any]) -> list[Any]:
    codings = concept.get("coding")
    return codings if isinstance(codings, list) else []


def _is_member(coding: Any, codes: Codes) -> bool:
    if not isinstance(coding, dict):
        return False
    system, code = coding.get("system"), coding.get("code")
    return isinstance(system, str) and isinstance(code, str) and code in codes.get(system, ())
