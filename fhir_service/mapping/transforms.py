"""The transforms of the mapping language (R4 StructureMap-Transform), each compiled to what makes one value.

A transform that is given nothing gives nothing. What can be told while the map is loaded (names, numbers of
parameters, concept maps, types) is told then, as a Fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir_service.fhir.fhirpath import Expression
from fhir_service.fhir.nodes import Node, PrimitiveNode, plain
from fhir_service.mapping import syntax
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.run import Run
from fhir_service.mapping.scope import Frame, Scope
from fhir_service.mapping.shapes import Shape, Shapes
from fhir_service.mapping.values import cast, show, text_of
from fhir_service.terminology.concept_maps import Coding, ConceptMap

Value = Callable[[Run, Frame], Any]

IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
UCUM = "http://unitsofmeasure.org"


@dataclass(frozen=True, slots=True)
class Made:
    """What a transform makes: how, of which type (None: the content decides), and the value itself where it is constant.

    `instead` stands in where the first type does not fit the element.
    """

    value: Value
    shape: Shape | None
    constant: Any = None
    instead: Made | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What transforms need of the map they are in."""

    shapes: Shapes
    expression: Callable[[syntax.Expression, Scope, bool], Expression]
    """Compiles FHIRPath; the last argument says whether a head name must be a variable."""
    infer: Callable[[syntax.Expression, Scope], Shape | None]
    concept_map: Callable[[str], ConceptMap]
    type_named: Callable[[str], Shape]

    def shape(self, name: str) -> Shape:
        """A FHIR type that is known to exist."""
        found = self.shapes.named(name)
        assert found is not None  # noqa: S101  # only called with names of R4 types
        return found


def transform(around: Surroundings, name: str, parameters: tuple[syntax.Parameter, ...], scope: Scope) -> Made:
    """The compiled transform. Raises Fault."""
    if name == "dateOp":
        raise Fault("dateOp is not defined by FHIR; say it with evaluate")
    if name == "create":
        return _create(around, parameters)
    if name == "evaluate":
        return _evaluate(around, parameters, scope)
    builder = _BUILDERS.get(name)
    if builder is None:
        raise Fault(f"there is no transform {name}")
    low, high, build = builder
    if not low <= len(parameters) <= high:
        raise Fault(f"{name} takes {_count(low, high)}, {len(parameters)} were given")
    return build(around, [parameter(around, entry, scope) for entry in parameters])


def parameter(around: Surroundings, entry: syntax.Parameter, scope: Scope) -> Made:
    """What a parameter stands for. Raises Fault."""
    if isinstance(entry, syntax.Literal):
        constant = entry.value
        return Made(lambda run, frame: constant, around.shape(_literal_type(constant)), constant)
    if isinstance(entry, syntax.Name):
        variable = scope.find(entry.name)
        slot = variable.slot
        return Made(lambda run, frame: frame[slot], variable.shape)
    return _evaluate(around, (entry,), scope)


def _count(low: int, high: int) -> str:
    return (
        f"{low} parameters"
        if low == high
        else f"{low} or more parameters"
        if high > 9
        else f"{low} to {high} parameters"
    )


def _literal_type(constant: syntax.Constant) -> str:
    if isinstance(constant, bool):
        return "boolean"
    if isinstance(constant, int):
        return "integer"
    return "decimal" if isinstance(constant, Decimal) else "string"


def _create(around: Surroundings, parameters: tuple[syntax.Parameter, ...]) -> Made:
    if len(parameters) != 1 or not isinstance(parameters[0], syntax.Literal):
        raise Fault("create takes the name of a type, in quotes")
    shape = around.type_named(str(parameters[0].value))
    if shape.kind == "primitive":
        return Made(lambda run, frame: PrimitiveNode(shape), shape)
    if shape.is_abstract:
        raise Fault(f"a {shape.name} cannot be created")
    return Made(lambda run, frame: Node(shape), shape)


def _evaluate(around: Surroundings, parameters: tuple[syntax.Parameter, ...], scope: Scope) -> Made:
    *context, expression = parameters
    if not isinstance(expression, syntax.Expression):
        raise Fault("evaluate takes a FHIRPath expression")
    compiled = around.expression(expression, scope, not context)
    shape = around.infer(expression, scope)
    single = compiled.single
    if not context:
        this = scope.this
        return Made(lambda _run, frame: single(None if this is None else frame[this], frame), shape)
    start = parameter(around, context[0], scope).value
    return Made(lambda run, frame: None if (focus := start(run, frame)) is None else single(focus, frame), shape)


def _copy(_: Surroundings, given: list[Made]) -> Made:
    return given[0]


def _truncate(around: Surroundings, given: list[Made]) -> Made:
    length = given[1].constant
    if type(length) is not int or length < 0:
        raise Fault("truncate takes a text and a length")
    return _of_texts(around, given[:1], lambda text: text[:length])


def _of_texts(around: Surroundings, given: list[Made], make: Callable[..., Any], type_name: str = "string") -> Made:
    """A value made of texts; nothing where one of them is missing."""
    values = [entry.value for entry in given]

    def make_value(run: Run, frame: Frame) -> Any:
        found = [value(run, frame) for value in values]
        if None in found:
            return None
        texts = [text_of(item) for item in found]
        return make(*texts)

    return Made(make_value, around.shape(type_name))


def _append(around: Surroundings, given: list[Made]) -> Made:
    return _of_texts(around, given, lambda *texts: "".join(texts))


def _cast(around: Surroundings, given: list[Made]) -> Made:
    wanted = around.type_named(str(given[1].constant)) if len(given) > 1 else around.shape("string")
    if wanted.kind != "primitive":
        raise Fault("cast takes a value and the name of a primitive type")
    return _of_texts(around, given[:1], lambda text: cast(text, wanted.name), wanted.name)


def _escape(around: Surroundings, given: list[Made]) -> Made:
    before, after = given[1].constant, given[2].constant if len(given) > 2 else None
    formats = [name for name in (before, after) if name not in _ESCAPES]
    if formats and not (len(given) == 2 and before in _ESCAPES):
        raise Fault(f"escape takes a text and two of {', '.join(sorted(_ESCAPES))}")
    if len(given) == 2:
        before, after = "plain", before
    read, write = _ESCAPES[before][0], _ESCAPES[str(after)][1]
    return _of_texts(around, given[:1], lambda text: write(read(text)))


def _unescaped(marks: tuple[tuple[str, str], ...]) -> Callable[[str], str]:
    plain_of = {mark: character for character, mark in marks}
    pattern = re.compile("|".join(re.escape(mark) for mark in plain_of))
    return lambda text: pattern.sub(lambda match: plain_of[match.group()], text)


def _escaped(marks: tuple[tuple[str, str], ...]) -> Callable[[str], str]:
    mark_of = dict(marks)
    pattern = re.compile("|".join(re.escape(character) for character in mark_of))
    return lambda text: pattern.sub(lambda match: mark_of[match.group()], text)


_XML = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&apos;"))
_JSON = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\b", "\\b"), ("\f", "\\f"))
_JAVA = (*_JSON, ("'", "\\'"))
_ESCAPES: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "plain": (str, str),
    **{name: (_unescaped(marks), _escaped(marks)) for name, marks in (("xml", _XML), ("json", _JSON), ("java", _JAVA))},
}


def _uuid(around: Surroundings, _: list[Made]) -> Made:
    return Made(
        lambda run, frame: run.uuid(),
        around.shape("uuid"),
        instead=Made(lambda run, frame: run.uuid(), around.shape("id")),
    )


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


def _reference(around: Surroundings, given: list[Made]) -> Made:
    value, wanted = given[0].value, around.shape("Reference")

    def text(run: Run, frame: Frame) -> str | None:
        found = _resource_id(value(run, frame), run)
        return None if found is None else f"{found[0]}/{found[1]}"

    return Made(text, around.shape("string"), instead=_wrapped(text, wanted, "reference"))


def _wrapped(make: Value, shape: Shape, key: str) -> Made:
    def node(run: Run, frame: Frame) -> Node | None:
        value = make(run, frame)
        return None if value is None else _node(shape, {key: value})

    return Made(node, shape)


def _node(shape: Shape, content: dict[str, Any]) -> Node:
    node = Node(shape)
    node.update((key, value) for key, value in content.items() if value is not None)
    return node


def _pointer(around: Surroundings, given: list[Made]) -> Made:
    value = given[0].value

    def text(run: Run, frame: Frame) -> str | None:
        found = _resource_id(value(run, frame), run)
        return None if found is None else f"urn:uuid:{found[1]}"

    return Made(text, around.shape("uri"), instead=_wrapped(text, around.shape("Reference"), "reference"))


def _complex(around: Surroundings, given: list[Made], type_name: str, make: Callable[..., dict[str, Any]]) -> Made:
    shape = around.shape(type_name)
    return Made(_of_texts(around, given, lambda *texts: _node(shape, make(*texts))).value, shape)


def _coding(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    return {"system": system, "code": code, "display": display}


def _c(around: Surroundings, given: list[Made]) -> Made:
    return _complex(around, given, "Coding", _coding)


def _cc(around: Surroundings, given: list[Made]) -> Made:
    if len(given) == 1:
        return _complex(around, given, "CodeableConcept", lambda text: {"text": text})
    coding = around.shape("Coding")
    return _complex(around, given, "CodeableConcept", lambda *texts: {"coding": [_node(coding, _coding(*texts))]})


_QUANTITY = re.compile(r"\s*(<=|>=|<|>)?\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(\S.*?)?\s*")


def _qty(around: Surroundings, given: list[Made]) -> Made:
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
        return _node(shape, {"value": number, "unit": unit, **dict(zip(("system", "code"), coded, strict=False))})

    return Made(make, shape)


def _quantity_of(text: str) -> dict[str, Any]:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise Fault(f"'{text}' is no quantity (comparator, number, unit)")
    return {"value": Decimal(match[2]), "comparator": match[1], "unit": match[3]}


def _id(around: Surroundings, given: list[Made]) -> Made:
    concept, coding = around.shape("CodeableConcept"), around.shape("Coding")

    def identifier(system: str, value: str, code: str | None = None) -> dict[str, Any]:
        kind = _node(concept, {"coding": [_node(coding, _coding(IDENTIFIER_TYPES, code))]}) if code else None
        return {"type": kind, "system": system, "value": value}

    return _complex(around, given, "Identifier", identifier)


def _cp(around: Surroundings, given: list[Made]) -> Made:
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


_TRANSLATED = {
    "code": "code",
    "system": "uri",
    "display": "string",
    "Coding": "Coding",
    "CodeableConcept": "CodeableConcept",
}


def _translate(around: Surroundings, given: list[Made]) -> Made:
    source, url, output = given[0].value, given[1].constant, given[2].constant if len(given) > 2 else "Coding"
    if not isinstance(url, str) or output not in _TRANSLATED:
        raise Fault(f"translate takes a value, the url of a ConceptMap, and one of {', '.join(_TRANSLATED)}")
    concept_map = around.concept_map(url)
    shape, coding = around.shape(_TRANSLATED[output]), around.shape("Coding")

    def make(run: Run, frame: Frame) -> Any:
        found = _codings(concept_map, plain(source(run, frame)))
        if not found:
            return None
        if output == "CodeableConcept":
            return _node(shape, {"coding": [_coding_node(coding, entry) for entry in found]})
        if len(found) > 1:
            raise Fault(f"ConceptMap {url} gives {len(found)} codes where one is wanted: ask for a CodeableConcept")
        return _coding_node(coding, found[0]) if output == "Coding" else getattr(found[0], output)

    return Made(make, shape)


def _coding_node(shape: Shape, coding: Coding) -> Node:
    return _node(shape, {"system": coding.system, "code": coding.code, "display": coding.display})


def _codings(concept_map: ConceptMap, value: Any) -> tuple[Coding, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return concept_map.translate(value)
    if isinstance(value, dict) and isinstance(value.get("coding"), list):
        return tuple(dict.fromkeys(found for entry in value["coding"] for found in _codings(concept_map, entry)))
    if isinstance(value, dict):
        code, system = plain(value.get("code")), plain(value.get("system"))
        return concept_map.translate(code, system) if isinstance(code, str) else ()
    raise Fault(f"{show(value)} is no code, Coding or CodeableConcept")


_ANY = 1000
_BUILDERS: dict[str, tuple[int, int, Callable[[Surroundings, list[Made]], Made]]] = {
    "copy": (1, 1, _copy),
    "truncate": (2, 2, _truncate),
    "escape": (2, 3, _escape),
    "cast": (1, 2, _cast),
    "append": (1, _ANY, _append),
    "translate": (2, 3, _translate),
    "reference": (1, 1, _reference),
    "uuid": (0, 0, _uuid),
    "pointer": (1, 1, _pointer),
    "cc": (1, 3, _cc),
    "c": (2, 3, _c),
    "qty": (1, 4, _qty),
    "id": (2, 3, _id),
    "cp": (1, 2, _cp),
}
