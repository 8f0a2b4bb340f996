"""Parameters: what an operation is asked with and answers (R4 parameters.html, operations.html).

Read from a Parameters resource or from the query of a GET into the same named values; written back without touching
the bytes of the resources within.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from fhir_service.fhir.errors import InvalidParameter, MalformedContent
from fhir_service.fhir.json_text import encode, exact_value

_MAX_DEPTH = 50
"""Parts inside parts."""
_Object = dict[str, msgspec.Raw]
_objects = msgspec.json.Decoder(_Object)
_lists = msgspec.json.Decoder(list[_Object])
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter or part: a value, a resource (its exact text) or parts; or nothing but extensions.

    `type` is the x of value[x] as JSON spells it (`Coding`, `String`); empty where the value stood in a query, as text.
    Numbers with a fraction are Decimals. `beside` is what `_value…` says of a primitive.
    """

    name: str
    type: str = ""
    value: Any = None
    resource: bytes = b""
    part: tuple[Parameter, ...] = ()
    beside: Any = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """Named values in the order they came. `where` is the FHIRPath head of what errors point at."""

    items: tuple[Parameter, ...] = ()
    where: str = "Parameters.parameter"

    def __contains__(self, name: str) -> bool:
        return any(item.name == name for item in self.items)

    def all(self, name: str) -> tuple[Parameter, ...]:
        """Every parameter of that name."""
        return tuple(item for item in self.items if item.name == name)

    def one(self, name: str) -> Parameter | None:
        """The only parameter of that name, None where there is none. Raises InvalidParameter for several."""
        found = self.all(name)
        if len(found) > 1:
            raise InvalidParameter(f"{name} is given {len(found)} times; give it once", expression=(self.place(name),))
        return found[0] if found else None

    def values(self, name: str) -> tuple[Any, ...]:
        """The values of every parameter of that name."""
        return tuple(item.value for item in self.all(name) if item.value is not None)

    def value(self, name: str) -> Any:
        """The value of the only one, None where there is none. Raises InvalidParameter for several."""
        found = self.one(name)
        return None if found is None else found.value

    def text(self, name: str) -> str:
        """The value of a string, uri, code and so on; empty where there is none. Raises InvalidParameter."""
        value = self.value(name)
        if value is not None and not isinstance(value, str):
            raise InvalidParameter(f"{name} has to be a text", expression=(self.place(name),))
        return value or ""

    def flag(self, name: str) -> bool | None:
        """The value of a boolean, from a query too; None where there is none. Raises InvalidParameter."""
        value = self.value(name)
        if isinstance(value, str):
            value = _FLAGS.get(value, value)
        if value is not None and not isinstance(value, bool):
            raise InvalidParameter(f"{name} has to be true or false", expression=(self.place(name),))
        return value

    def integer(self, name: str) -> int | None:
        """The value of an integer, from a query too; None where there is none. Raises InvalidParameter."""
        value = self.value(name)
        if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdigit():
            value = int(value[:20])
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise InvalidParameter(f"{name} has to be a whole number", expression=(self.place(name),))
        return value

    def resource(self, name: str) -> bytes:
        """The exact text of the resource; empty where there is none. Raises InvalidParameter for several."""
        found = self.one(name)
        return b"" if found is None else found.resource

    def place(self, name: str) -> str:
        """The FHIRPath that leads to the parameters of that name; `http.name` where they stood in a query."""
        return f"http.{name}" if self.where == "http" else f"{self.where}.where(name = '{name}')"


def read_parameters(raw: bytes) -> Parameters:
    """The parameters of a Parameters resource. What is in them is not checked beyond its form.

    Raises MalformedContent where it is not JSON, no Parameters resource, or of another form than JSON gives it.
    """
    try:
        members = _objects.decode(raw)
        sent = exact_value(members.get("resourceType", msgspec.Raw(b"null")))
        if sent != "Parameters":
            kind = f"a {sent[:80]}" if isinstance(sent, str) else "no resource"
            raise MalformedContent(f"a Parameters resource is wanted, this is {kind}", expression=("resourceType",))
        return Parameters(tuple(_read(members.get("parameter"), 0)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        text = f"this cannot be read as a Parameters resource: {error}"
        raise MalformedContent(text, expression=("Parameters",)) from None


def query_parameters(pairs: Iterable[tuple[str, str]]) -> Parameters:
    """The parameters of a GET (R4 operations.html#executing-an-operation-synchronously): all values are texts."""
    return Parameters(tuple(Parameter(name, value=value) for name, value in pairs), "http")


def parameters_text(items: Iterable[Parameter]) -> bytes:
    """A Parameters resource of these, as JSON text; the resources within keep their bytes."""
    written = b",".join([_written(item) for item in items])
    return b'{"resourceType":"Parameters"%b}' % (b',"parameter":[%b]' % written if written else b"")


def _read(raw: msgspec.Raw | None, depth: int) -> Iterator[Parameter]:
    if raw is None:
        return
    if depth > _MAX_DEPTH:
        raise MalformedContent(f"parts are nested deeper than {_MAX_DEPTH} levels")
    for members in _lists.decode(raw):
        name = exact_value(members.get("name", msgspec.Raw(b"null")))
        if not isinstance(name, str) or not name:
            raise MalformedContent("each parameter and part has a name", expression=("Parameters.parameter.name",))
        key = next((key for key in members if key.lstrip("_").startswith("value")), "").lstrip("_")
        yield Parameter(
            name,
            type=key.removeprefix("value"),
            value=exact_value(members[key]) if key in members else None,
            resource=bytes(members.get("resource", b"")),
            part=tuple(_read(members.get("part"), depth + 1)),
            beside=exact_value(members[f"_{key}"]) if f"_{key}" in members else None,
        )


def _written(item: Parameter) -> bytes:
    members = [b'"name":' + encode(item.name)]
    if item.value is not None:
        members.append(b'"value%b":%b' % (item.type.encode(), encode(item.value)))
    if item.beside is not None:
        members.append(b'"_value%b":%b' % (item.type.encode(), encode(item.beside)))
    if item.resource:
        members.append(b'"resource":' + item.resource)
    if item.part:
        members.append(b'"part":[%b]' % b",".join([_written(part) for part in item.part]))
    return b"{%b}" % b",".join(members)
