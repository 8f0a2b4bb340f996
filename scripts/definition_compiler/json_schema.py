"""The element catalogue to one strict JSON Schema with a definition per type.

Draft 4, because there alone 1.0 is not an integer, as in FHIR. One keyword is our own: `aligned` (see
`fhir_service/validation/schema_validators.py`), which holds a repeating primitive and its `_` sibling together.
The schema only says yes or no; `fhir_service/validation/walk.py` finds the words for a no.

Not said here: nested resources (`contained`, Bundle entries, Parameters), which the caller checks one by one with
their own type, and references that are no relative URL.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_MANY_CHOICES = 20
_CORE_TYPE_URL = "http://hl7[.]org/fhir/StructureDefinition/"


def json_schema(catalogue: dict[str, Any], codes: dict[str, dict[str, list[str]]]) -> Schema:
    """`{"definitions": {"Patient": ..., "Patient.contact": ..., "HumanName": ..., "date": ...}}`."""
    return {"$schema": "http://json-schema.org/draft-04/schema#", "definitions": _Writer(catalogue, codes).definitions}


class _Writer:
    def __init__(self, catalogue: dict[str, Any], codes: dict[str, dict[str, list[str]]]) -> None:
        self._primitives: dict[str, Any] = catalogue["primitives"]
        self._types: dict[str, Any] = catalogue["types"]
        self._codes = codes
        written = {name: _primitive(form) for name, form in self._primitives.items()}
        for name, definition in self._types.items():
            if name != "Resource" and not (definition["kind"] == "resource" and definition.get("abstract")):
                self._write_type(name, definition, written)
        written["Resource"] = {"type": "object", "required": ["resourceType"]}
        self.definitions = dict(sorted(written.items()))

    def _write_type(self, name: str, definition: dict[str, Any], written: dict[str, Schema]) -> None:
        elements = definition["elements"]
        parents = {"", *(path.rpartition(".")[0] for path in elements)}
        for parent in sorted(parents):
            children = {path: entry for path, entry in elements.items() if path.rpartition(".")[0] == parent}
            schema = _Object(self, written).write(name, children)
            if definition["kind"] == "resource" and not parent:
                schema["properties"]["resourceType"] = {"enum": [name]}
                schema["required"] = ["resourceType", *schema.get("required", [])]
            written[f"{name}.{parent}" if parent else name] = schema

    def is_primitive(self, name: str) -> bool:
        return name in self._primitives

    def value(
        self, type_name: str, code: str, path: str, element: dict[str, Any], written: dict[str, Schema]
    ) -> Schema:
        """Where to find what one value of that type must look like; writes the definition on first use."""
        binding = element.get("binding", {})
        if code in ("Element", "BackboneElement"):
            return _ref(f"{type_name}.{path}")
        if binding.get("strength") == "required" and binding["value_set"] in self._codes:
            name = f"{code}:{binding['value_set'].rpartition('/')[2]}"
            written.setdefault(name, _bound(code, self._codes[binding["value_set"]]))
            return _ref(name)
        targets = element.get("targets", {}).get(code, ["Resource"]) if code == "Reference" else ["Resource"]
        if targets != ["Resource"]:
            name = f"Reference:{','.join(targets)}"
            written.setdefault(name, _pointing_at(targets))
            return _ref(name)
        return _ref(code)


class _Object:
    """The schema of one JSON object, put together element by element."""

    def __init__(self, writer: _Writer, written: dict[str, Schema]) -> None:
        self._writer, self._written = writer, written
        self._properties: dict[str, Schema] = {}
        self._required: list[str] = []
        self._dependencies: dict[str, Schema] = {}
        self._all_of: list[Schema] = []
        self._open_choices: list[Schema] = []

    def write(self, type_name: str, children: dict[str, Any]) -> Schema:
        for path, element in children.items():
            if path.endswith("[x]"):
                self._choice(type_name, path, element)
            elif "same_as" in element:
                self._plain(path, element, _ref(element["same_as"]), primitive=False)
            else:
                (code,) = element["types"]
                value = self._writer.value(type_name, code, path, element, self._written)
                primitive = self._writer.is_primitive(code) and not element.get("attribute") and code != "xhtml"
                self._plain(path, element, value, primitive=primitive)
        return self._assembled()

    def _plain(self, path: str, element: dict[str, Any], value: Schema, *, primitive: bool) -> None:
        name = path.rpartition(".")[2]
        if element.get("repeats"):
            self._repeating(name, value, primitive=primitive)
        else:
            self._properties[name] = value
            if primitive:
                self._properties[f"_{name}"] = _ref("Element")
        if element.get("min"):
            if primitive:
                self._all_of.append({"anyOf": [{"required": [name]}, {"required": [f"_{name}"]}]})
            else:
                self._required.append(name)

    def _repeating(self, name: str, value: Schema, *, primitive: bool) -> None:
        if not primitive:
            self._properties[name] = {"type": "array", "minItems": 1, "items": value}
            return
        gap: Schema = {"type": "null"}
        self._properties[name] = {"type": "array", "minItems": 1, "items": {"anyOf": [value, gap]}}
        self._properties[f"_{name}"] = {"type": "array", "minItems": 1, "items": {"anyOf": [_ref("Element"), gap]}}
        without_gaps = {"properties": {name: {"items": {"not": gap}}}}
        self._dependencies[name] = {"anyOf": [{"required": [f"_{name}"]}, without_gaps]}
        self._dependencies[f"_{name}"] = {"aligned": name}

    def _choice(self, type_name: str, path: str, element: dict[str, Any]) -> None:
        stem = path.rpartition(".")[2].removesuffix("[x]")
        chosen: list[Schema] = []
        for code in element["types"]:
            name = f"{stem}{code[0].upper()}{code[1:]}"
            self._properties[name] = self._writer.value(type_name, code, path, element, self._written)
            if self._writer.is_primitive(code):
                self._properties[f"_{name}"] = _ref("Element")
                chosen.append({"anyOf": [{"required": [name]}, {"required": [f"_{name}"]}]})
            else:
                chosen.append({"required": [name]})
        if element.get("min"):
            self._all_of.append({"oneOf": chosen})
            return
        at_most_one = {"oneOf": [{"not": {"anyOf": chosen}}, *chosen]}
        (self._open_choices if len(chosen) >= _MANY_CHOICES else self._all_of).append(at_most_one)

    def _assembled(self) -> Schema:
        """An open choice is looked at only where it could be broken: beside a required element, two properties
        leave room for one value."""
        conditions = list(self._all_of)
        for choice in self._open_choices:
            shortcut = [{"maxProperties": 2}] if self._required or self._all_of else []
            conditions.append({"anyOf": [*shortcut, choice]})
        parts: list[tuple[str, Any]] = [
            ("type", "object"),
            ("properties", self._properties),
            ("additionalProperties", False),
            ("minProperties", 0 if self._required else 1),
            ("required", self._required),
            ("dependencies", self._dependencies),
            ("allOf", conditions),
        ]
        return {keyword: value for keyword, value in parts if value or value is False}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _primitive(form: dict[str, Any]) -> Schema:
    schema = {key: value for key, value in form.items() if key in ("minimum", "maximum", "maxLength")}
    if "pattern" in form:
        schema["pattern"] = f"^(?:{form['pattern']})$"
    return {"type": form["json"], **schema}


def _bound(code: str, systems: dict[str, list[str]]) -> Schema:
    """A code of the value set; or a CodeableConcept with one among its codings, unless it says nothing at all."""
    if code == "code":
        return {"enum": sorted({entry for codes in systems.values() for entry in codes})}
    member = {"anyOf": list(_members(systems))}
    one_is_member = {"required": ["coding"], "properties": {"coding": {"not": {"items": {"not": member}}}}}
    silent = {"not": {"anyOf": [{"required": ["coding"]}, {"required": ["text"]}]}}
    return {"allOf": [_ref(code), {"anyOf": [one_is_member, silent]}]}


def _members(systems: dict[str, list[str]]) -> Iterator[Schema]:
    for system, codes in systems.items():
        yield {"required": ["system", "code"], "properties": {"system": {"enum": [system]}, "code": {"enum": codes}}}


def _pointing_at(targets: list[str]) -> Schema:
    """A relative reference or a stated type must be one of the targets; other forms of reference pass."""
    names = "|".join(targets)
    relative = {"anyOf": [{"pattern": f"^(?:{names})[/?]"}, {"not": {"pattern": "^[A-Za-z]+[/?]"}}]}
    stated = {
        "anyOf": [
            {"pattern": f"^(?:{_CORE_TYPE_URL})?(?:{names})$"},
            {"not": {"pattern": f"^(?:{_CORE_TYPE_URL})?[A-Za-z]+$"}},
        ]
    }
    return {"allOf": [_ref("Reference"), {"properties": {"reference": relative, "type": stated}}]}
