"""JSON text of a resource to XML (R4 xml.html): elements in FHIR's order, every digit and the narrative as written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import zip_longest
from operator import attrgetter
from typing import Any, NoReturn

from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.errors import NotAcceptable
from fhir_service.formats.xhtml import NotXhtml, as_element
from fhir_service.formats.xml_members import FHIR_NAMESPACE, Form, Member, members_of

_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_place = attrgetter("place")


class _Number(str):
    """A JSON number, as it was written."""

    __slots__ = ()


def xml_from_json(text: bytes, *, pretty: bool = False) -> bytes:
    """The XML of a resource's JSON text, which was checked before. `pretty` puts each element on a line of its own.

    Raises NotAcceptable, with the place, for what XML cannot hold: control characters, and a narrative that is no
    XHTML; a resource that this server took in before it checked them may have either.
    """
    writer = _Writer(pretty)
    try:
        resource = json.loads(text, parse_int=_Number, parse_float=_Number)
        writer.resource(resource, "", f' xmlns="{FHIR_NAMESPACE}"')
    except (ValueError, RecursionError):
        _refuse("the content", "it is no JSON that this server can read")
    written = _DECLARATION + "".join(writer.parts)
    if (found := _NOT_XML.search(written)) is not None:
        _refuse("the content", f"it holds the character U+{ord(found[0]):04X}")
    return written.encode()


class _Writer:
    def __init__(self, pretty: bool) -> None:
        self.parts: list[str] = []
        self._pretty = pretty
        self._depth = 0

    def resource(self, value: Any, path: str, attributes: str = "") -> None:
        name = value.get("resourceType") if isinstance(value, dict) else None
        if name not in resource_types():
            _refuse(path or "the content", "it has no resourceType of R4")
        self._open(name, attributes)
        self._members({key: part for key, part in value.items() if key != "resourceType"}, name, path or name)
        self._close(name)

    def _members(self, value: dict[str, Any], holder: str, path: str) -> None:
        known = members_of(holder)
        present: dict[str, Member] = {}
        for key in value:
            name = key.removeprefix("_")
            if name not in known or (name != key and known[name].form is not Form.PRIMITIVE):
                _refuse(f"{path}.{key}", "R4 has no such element")
            present[name] = known[name]
        for member in sorted(present.values(), key=_place):
            if member.form is Form.ATTRIBUTE:
                continue
            for index, (item, more) in enumerate(_items(value, member)):
                where = f"{path}.{member.name}[{index}]" if member.repeats else f"{path}.{member.name}"
                self._element(member, item, more, where)

    def _element(self, member: Member, item: Any, more: Any, path: str) -> None:
        match member.form:
            case Form.PRIMITIVE:
                self._primitive(member, item, more, path)
            case Form.XHTML:
                self._narrative(item, path)
            case Form.RESOURCE:
                self._open(member.name)
                self.resource(item, path)
                self._close(member.name)
            case _:
                if not isinstance(item, dict):
                    _refuse(path, "it is no object")
                self._open(member.name, _attributes(item, member.holder))
                self._members(item, member.holder, path)
                self._close(member.name)

    def _primitive(self, member: Member, value: Any, more: Any, path: str) -> None:
        written = "" if value is None else f' value="{_text(value, path)}"'
        if not more:
            self._line(f"<{member.name}{written}/>")
            return
        if not isinstance(more, dict):
            _refuse(path, "what stands beside its value is no object")
        self._open(member.name, _attributes(more, "Element") + written)
        self._members(more, "Element", path)
        self._close(member.name)

    def _narrative(self, value: Any, path: str) -> None:
        try:
            self._line(as_element(value if isinstance(value, str) else ""))
        except NotXhtml as error:
            _refuse(path, f"the narrative is no XHTML: {error}")

    def _open(self, name: str, attributes: str = "") -> None:
        self._line(f"<{name}{attributes}>")
        self._depth += 1

    def _close(self, name: str) -> None:
        self._depth -= 1
        self._line(f"</{name}>")

    def _line(self, text: str) -> None:
        self.parts.append(f"\n{'  ' * self._depth}{text}" if self._pretty else text)


def _items(value: dict[str, Any], member: Member) -> Iterator[tuple[Any, Any]]:
    """Each occurrence of a member: its value, and for a primitive what JSON keeps under `_name`."""
    item, more = value.get(member.name), value.get(f"_{member.name}")
    if not member.repeats:
        return iter([(item, more)])
    if not isinstance(item or [], list) or not isinstance(more or [], list):
        _refuse(member.name, "it is no array")
    return zip_longest(item or [], more or [])


def _attributes(value: dict[str, Any], holder: str) -> str:
    return "".join(
        f' {name}="{_text(value[name], name)}"'
        for name, member in members_of(holder).items()
        if member.form is Form.ATTRIBUTE and name in value
    )


def _text(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if not isinstance(value, bool):
        _refuse(path, "it is no primitive value")
    return "true" if value else "false"


def _refuse(path: str, why: str) -> NoReturn:
    raise NotAcceptable(f"{path} cannot be written in XML: {why}; ask for JSON")
