"""XML of a resource to its JSON text (R4 xml.html), strictly: what R4 does not have is refused, with its line.

Nothing outside the text is ever read: a document type, which is where entities and external files are declared, is
refused before its first declaration. Numbers and narratives come out as they were written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

import msgspec

from fhir_service.definitions.elements import primitives, resource_types
from fhir_service.fhir.errors import Issue, MalformedContent
from fhir_service.formats.xhtml import NotXhtml, is_div, rewritten, with_namespace
from fhir_service.formats.xml_members import FHIR_NAMESPACE, XHTML_NAMESPACE, Form, Member, members_of

MAX_DEPTH = 100
"""Elements inside one another. Each may be an array and an object in JSON, which has twice the limit."""

_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance "
_LITERALS = {
    "boolean": re.compile("true|false"),
    "integer": re.compile("-?(?:0|[1-9][0-9]*)"),
    "number": re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"),
}
"""What is written alike in both formats, by the JSON type of a primitive."""
_END_OF_DIV = re.compile(rb"</(?:[^<>/:\s]+:)?div\s*>")
_UNDEFINED_ENTITY = expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]
_OTHER_UNICODE = (b"\xff\xfe", b"\xfe\xff")
"""How text in UTF-16 or UTF-32 begins, which the parser would read (R4 xml.html: UTF-8)."""
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})


def json_from_xml(text: bytes) -> bytes:
    """The JSON text, minified, of one resource in XML. Comments and processing instructions are left out.

    Raises MalformedContent, with line and element, for what is not well-formed, has a document type, is not in UTF-8,
    or is not as the definitions say: unknown elements and attributes, a wrong order or namespace, text between
    elements, values that are no value of their type.
    """
    return msgspec.json.encode(_Reader(text).resource())


@dataclass(slots=True)
class _Frame:
    """An element that is open. `value` is what it becomes in JSON; a primitive's own value is apart from that."""

    form: Form
    name: str
    holder: str = ""
    value: dict[str, Any] = field(default_factory=dict)
    member: Member | None = None
    primitive: Any = None
    place: int = -1


class _Reader:
    def __init__(self, text: bytes) -> None:
        self._text = text
        self._frames: list[_Frame] = []
        self._resource: dict[str, Any] | None = None
        self._namespaces: list[tuple[str, str]] = []
        self._narrative_start = 0
        self._narrative_depth = 0
        parser = expat.ParserCreate("utf-8", " ")
        parser.ordered_attributes = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = lambda prefix, url: self._namespaces.append((prefix or "", url or ""))
        parser.EndNamespaceDeclHandler = lambda _: self._namespaces.pop()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        self._parser = parser

    def resource(self) -> dict[str, Any]:
        if self._text.startswith(_OTHER_UNICODE) or b"\0" in self._text[:4]:
            _raise("the text is not UTF-8 but UTF-16 or UTF-32; send UTF-8", "")
        try:
            self._parser.Parse(self._text, True)
        except expat.ExpatError as error:
            text = f"not well-formed XML at line {error.lineno:,}, column {error.offset + 1:,}"
            hint = (
                "; write characters such as &nbsp; as themselves or by number, &#160;"
                if error.code == _UNDEFINED_ENTITY
                else ""
            )
            _raise(f"{text}: {expat.ErrorString(error.code)}{hint}", self._path())
        assert self._resource is not None  # noqa: S101  # well-formed XML has an outermost element
        return self._resource

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _UTF_8:
            self._refuse(f"the text is declared as {encoding[:40]}; send UTF-8")

    def _doctype(self, *_: object) -> None:
        self._refuse("a document type (<!DOCTYPE …>) is not taken; leave it out")

    def _characters(self, data: str) -> None:
        if not self._narrative_depth and not data.isspace():
            self._refuse(f'the text {data.strip()[:40]!r} stands between elements; a value is an attribute, value="…"')

    def _start(self, tag: str, attributes: list[str]) -> None:
        if self._narrative_depth:
            self._narrative_depth += 1
            return
        if len(self._frames) >= MAX_DEPTH:
            self._refuse(f"elements are nested deeper than {MAX_DEPTH} levels")
        namespace, _, name = tag.rpartition(" ")
        parent = self._frames[-1] if self._frames else None
        if parent is None or parent.form is Form.RESOURCE:
            self._start_resource(parent, namespace, name, attributes)
            return
        member = self._member(parent, namespace, name)
        if member.form is Form.XHTML:
            self._narrative_start, self._narrative_depth = self._parser.CurrentByteIndex, 1
        holder = "Element" if member.form is Form.PRIMITIVE else member.holder
        frame = _Frame(member.form, name, holder, member=member)
        self._frames.append(frame)
        if member.form is not Form.XHTML:
            self._take_attributes(frame, attributes)

    def _start_resource(self, parent: _Frame | None, namespace: str, name: str, attributes: list[str]) -> None:
        if namespace != FHIR_NAMESPACE:
            self._refuse(f'the element {name[:80]} is not of FHIR\'s namespace; write xmlns="{FHIR_NAMESPACE}"')
        if name not in resource_types():
            self._refuse(f"{name[:80]} is no resource type of R4")
        if parent is not None and parent.value:
            self._refuse(f"{parent.name} holds one resource, and this is another")
        frame = _Frame(Form.COMPLEX, name, name, {"resourceType": name})
        self._frames.append(frame)
        for key in attributes[::2]:
            if not key.startswith(_SCHEMA_INSTANCE):
                self._refuse(f"a resource has no attribute {key.rpartition(' ')[2][:80]}")

    def _member(self, parent: _Frame, namespace: str, name: str) -> Member:
        member = members_of(parent.holder).get(name)
        if parent.member is not None and not parent.member.extensible and parent.form is Form.PRIMITIVE:
            member = None
        wanted = XHTML_NAMESPACE if member is not None and member.form is Form.XHTML else FHIR_NAMESPACE
        if member is None or member.form is Form.ATTRIBUTE:
            self._refuse(f"{parent.name} has no element {name[:80]} in R4")
        if namespace != wanted:
            self._refuse(f'the element {name[:80]} is not of the namespace it belongs to; write xmlns="{wanted}"')
        if member.place < parent.place:
            self._refuse(f"{name} stands too late in {parent.name}; elements have the order of their definition")
        if member.place == parent.place and not member.repeats:
            self._refuse(f"{name} cannot stand here: {parent.name} has this element already, and it does not repeat")
        parent.place = member.place
        return member

    def _take_attributes(self, frame: _Frame, attributes: list[str]) -> None:
        known = members_of(frame.holder) if frame.holder else {}
        for name, value in zip(attributes[::2], attributes[1::2], strict=True):
            if name == "value" and frame.form is Form.PRIMITIVE:
                frame.primitive = self._value(frame, value)
            elif name in known and known[name].form is Form.ATTRIBUTE and frame.form is not Form.RESOURCE:
                frame.value[name] = value
            else:
                self._refuse(f"{frame.name} has no attribute {name.rpartition(' ')[2][:80]}")

    def _value(self, frame: _Frame, text: str) -> Any:
        assert frame.member is not None  # noqa: S101  # only a resource has none
        definition = primitives()[frame.member.type]
        if definition.json == "string":
            return text
        if not _LITERALS[definition.json].fullmatch(text):
            self._refuse(f"{frame.name} is {text[:80]!r}, which is no {frame.member.type}")
        return msgspec.Raw(text.encode())

    def _end(self, _tag: str) -> None:
        if self._narrative_depth:
            self._narrative_depth -= 1
            if self._narrative_depth:
                return
        frame = self._frames[-1]
        item, more = self._finished(frame)
        self._frames.pop()
        if not self._frames:
            self._resource = item
        elif frame.member is None:
            self._frames[-1].value = item
        else:
            _attach(self._frames[-1].value, frame.member, item, more)

    def _finished(self, frame: _Frame) -> tuple[Any, dict[str, Any] | None]:
        """What the element is in JSON, and what stands beside it under `_name`."""
        if frame.form is Form.XHTML:
            return self._narrative(), None
        for name in [name for name, items in frame.value.items() if _is_all_gaps(items)]:
            del frame.value[name]
        if frame.form is not Form.PRIMITIVE:
            if not frame.value:
                self._refuse(f"{frame.name} is empty; leave it out")
            return frame.value, None
        if frame.primitive is None and not frame.value:
            self._refuse(f"{frame.name} has neither a value nor an extension; leave it out")
        return frame.primitive, frame.value or None

    def _narrative(self) -> str:
        """The `div` that ends here: its own text where that stands for itself."""
        end = self._parser.CurrentByteIndex
        closing = _END_OF_DIV.match(self._text, end)  # none after <div/>, where the reader is behind it already
        raw = self._text[self._narrative_start : closing.end() if closing else end]
        div = raw.decode()
        if is_div(raw):
            return div
        if raw.startswith(b"<div") and is_div(with_namespace(div).encode()):
            return with_namespace(div)
        try:
            return rewritten(div, dict(self._namespaces))
        except NotXhtml as error:
            self._refuse(f"the narrative is no XHTML: {error}")

    def _path(self) -> str:
        """Where the reader is, as FHIRPath."""
        steps: list[str] = []
        for frame, parent in zip(self._frames, [None, *self._frames], strict=False):
            if parent is not None and frame.member is None:
                continue
            index = ""
            if parent is not None and frame.member is not None and frame.member.repeats:
                index = f"[{len(parent.value.get(frame.name, []))}]"
            steps.append(f"{frame.name}{index}")
        return ".".join(steps)

    def _refuse(self, text: str) -> NoReturn:
        _raise(f"{text} (line {self._parser.CurrentLineNumber:,} of the XML)", self._path())


def _attach(value: dict[str, Any], member: Member, item: Any, more: dict[str, Any] | None) -> None:
    beside = f"_{member.name}"
    if not member.repeats:
        if item is not None:
            value[member.name] = item
        if more is not None:
            value[beside] = more
        return
    items = value.setdefault(member.name, [])
    items.append(item)
    if more is not None and beside not in value:
        value[beside] = [None] * (len(items) - 1)
    if beside in value:
        value[beside].append(more)


def _is_all_gaps(items: Any) -> bool:
    return isinstance(items, list) and all(item is None for item in items)


def _raise(text: str, path: str) -> NoReturn:
    raise MalformedContent(text, issues=(Issue("fatal", "structure", text, (path,) if path else (), "structure.xml"),))
