"""What an operation is asked with: a Parameters resource by POST, or simple values in the query of a GET (R4
operations.html). An input that the operation does not know is refused: without it, it would answer another question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fhir_service.api.call import Call
from fhir_service.fhir.errors import InvalidParameter, MalformedContent, UnsupportedParameter
from fhir_service.fhir.parameters import Parameter, Parameters, query_parameters
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.accept_parameters import accept_parameters
from fhir_service.workflows.accept_resource import in_thread_if_large

_COMPLEX = frozenset({"Coding", "CodeableConcept", "Meta", "Parts", "Resource"})
_TEXTS = frozenset({"String", "Uri", "Url", "Canonical", "Code", "Id", "Markdown"})
"""Kinds that clients mix up, and that can be read as one another."""
_TIMES = frozenset({"Date", "DateTime", "Instant"})
PRESENTATION = frozenset({"_format", "_pretty", "_summary", "_elements"})
"""What every GET may have besides."""


class Input(NamedTuple):
    """One input of an operation. `kind` is its type as `value[x]` spells it (`Uri`, `Coding`), or `Resource`,
    or `Parts`."""

    name: str
    kind: str
    text: str
    repeats: bool = False

    @property
    def simple(self) -> bool:
        """Whether it can stand in a query."""
        return self.kind not in _COMPLEX


async def operation_input(call: Call, inputs: Sequence[Input]) -> Parameters:
    """The inputs of a call, each known, of its kind and not repeated without need.

    Raises UnsupportedParameter, InvalidParameter, and by POST MalformedContent, UnsupportedMediaType, TooLarge.
    """
    asked = query_parameters(pair for pair in call.parameters if pair[0] not in PRESENTATION)
    if call.method == "POST":
        refused = next((item for item in asked.items if item.name), None)
        if refused is not None:
            text = f"{refused.name[:80]} stands in the URL; a POST has all inputs in its Parameters"
            raise InvalidParameter(text, expression=(asked.place(refused.name[:80]),))
        body = await call.resource_body()
        asked = await in_thread_if_large(len(body), lambda: accept_parameters(body))
    return checked_input(asked, inputs)


def checked_input(asked: Parameters, inputs: Sequence[Input]) -> Parameters:
    """The inputs themselves, each known, of its kind and not repeated without need. Raises UnsupportedParameter and
    InvalidParameter."""
    known = {entry.name: entry for entry in inputs}
    for item in asked.items:
        entry = known.get(item.name)
        if entry is None:
            names = ", ".join(known)
            text = f"this operation has no input {item.name[:80]}; it has {names}"
            raise UnsupportedParameter(text, expression=(asked.place(item.name[:80]),))
        _check(asked, entry, item)
    for entry in inputs:
        if not entry.repeats:
            asked.one(entry.name)
    return asked


def is_parameters(body: bytes) -> bool:
    """Whether a body has the inputs, where it may as well be the one resource that an operation is about."""
    try:
        value = read_json(body)
    except MalformedContent:
        return False  # what cannot be read is taken as it is, and found to be no resource
    return isinstance(value, dict) and value.get("resourceType") == "Parameters"


def _check(asked: Parameters, entry: Input, item: Parameter) -> None:
    place = (asked.place(entry.name),)
    if asked.where == "http":
        if not entry.simple:
            raise InvalidParameter(f"{entry.name} is a {entry.kind}; send it by POST in Parameters", expression=place)
        return
    if entry.kind == "Resource":
        if not item.resource:
            raise InvalidParameter(f"{entry.name} has to be a resource", expression=place)
    elif not item.type or item.value is None:
        raise InvalidParameter(f"{entry.name} needs a value{entry.kind}", expression=place)
    elif not _is_of(entry.kind, item.type):
        raise InvalidParameter(f"{entry.name} has a value{item.type}; it needs a value{entry.kind}", expression=place)


def _is_of(kind: str, found: str) -> bool:
    return kind == found or any({kind, found} <= alike for alike in (_TEXTS, _TIMES))
