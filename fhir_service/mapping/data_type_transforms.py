"""Transforms that make values of data types: c, cc, qty, id, cp, reference, pointer."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhir_service.fhir.nodes import Node, plain
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.made import Made, Surroundings, Value, content_node, of_texts
from fhir_service.mapping.run import Run
from fhir_service.mapping.scope import Frame
from fhir_service.mapping.shapes import Shape
from fhir_service.mapping.values import cast, show

IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_QUANTITY = re.compile(r"\s*(<=|>=|<|>)?\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(\S.*?)?\s*")


def coding(around: Surroundings, given: list[Made]) -> Made:
    return _complex(around, given, "Coding", _coding_parts)


def concept(around: Surroundings, given: list[Made]) -> Made:
    if len(given) == 1:
        return _complex(around, given, "CodeableConcept", lambda text: {"text": text})
    shape = around.shape("Coding")
    return _complex(
        around, given, "CodeableConcept", lambda *texts: {"coding": [content_node(shape, _coding_parts(*texts))]}
    )


def _coding_parts(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    return {"system": system, "code": code, "display": display}


def quantity(around: Surroundings, given: list[Made]) -> Made:
    shape = around.shape("Quantity")
    if len(given) == 1:
        return _complex(around, given, "Quantity", _quantity_of)
    values = [entry.value for entry in given]

    def make(run: Run, frame: Frame) -> Node | None:
        found = [plain(value(run, frame)) for value in values]
        if None in found:
            return None
        number, unit, *coded = found
        if isinstance(number, str):
            number = cast(number, "decimal")
        if isinstance(number, bool) or not isinstance(number, (int, Decimal)):
            raise Fault(f"{show(number)} is no number")
        return content_node(
            shape, {"value": number, "unit": unit, **dict(zip(("system", "code"), coded, strict=False))}
        )

    return Made(make, shape)


def _quantity_of(text: str) -> dict[str, Any]:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise Fault(f"'{text}' is no quantity (comparator, number, unit)")
    return {"value": Decimal(match[2]), "comparator": match[1], "unit": match[3]}


def identifier(around: Surroundings, given: list[Made]) -> Made:
    concept_shape, coding_shape = around.shape("CodeableConcept"), around.shape("Coding")

    def parts(system: str, value: str, code: str | None = None) -> dict[str, Any]:
        kind = (
            content_node(concept_shape, {"coding": [content_node(coding_shape, _coding_parts(IDENTIFIER_TYPES, code))]})
            if code
            else None
        )
        return {"type": kind, "system": system, "value": value}

    return _complex(around, given, "Identifier", parts)


def contact_point(around: Surroundings, given: list[Made]) -> Made:
    if len(given) == 2:
        return _complex(around, given, "ContactPoint", lambda system, value: {"system": system, "value": value})
    return _complex(around, given, "ContactPoint", lambda value: {"system": _contact_system(value), "value": value})


def _contact_system(value: str) -> str:
    if value.startswith(("http://", "https://")):
        return "url"
    if re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        return "email"
    if re.fullmatch(r"\+?[\d\s()./-]{3,}", value):
        return "phone"
    raise Fault(f"what kind of contact '{value}' is cannot be told: say cp(system, value)")


def _complex(around: Surroundings, given: list[Made], type_name: str, make: Callable[..., dict[str, Any]]) -> Made:
    shape = around.shape(type_name)
    return Made(of_texts(around, given, lambda *texts: content_node(shape, make(*texts))).value, shape)


def reference(around: Surroundings, given: list[Made]) -> Made:
    value, wanted = given[0].value, around.shape("Reference")

    def text(run: Run, frame: Frame) -> str | None:
        found = _resource_id(value(run, frame), run)
        return None if found is None else f"{found[0]}/{found[1]}"

    return Made(text, around.shape("string"), instead=wrapped(text, wanted, "reference"))


def pointer(around: Surroundings, given: list[Made]) -> Made:
    value = given[0].value

    def text(run: Run, frame: Frame) -> str | None:
        found = _resource_id(value(run, frame), run)
        return None if found is None else f"urn:uuid:{found[1]}"

    return Made(text, around.shape("uri"), instead=wrapped(text, around.shape("Reference"), "reference"))


def wrapped(make: Value, shape: Shape, key: str) -> Made:
    def node(run: Run, frame: Frame) -> Node | None:
        value = make(run, frame)
        return None if value is None else content_node(shape, {key: value})

    return Made(node, shape)


def _resource_id(value: Any, run: Run) -> tuple[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Fault(f"{show(value)} is no resource")
    name = value.shape.name if isinstance(value, Node) else value.get("resourceType")
    if not name or (isinstance(value, Node) and value.shape.kind != "resource"):
        raise Fault("only a resource can be referred to")
    if value.get("id") is None:
        if not isinstance(value, Node):
            raise Fault(f"the {name} has no id yet")
        value["id"] = run.uuid()
    return name, str(plain(value["id"]))
