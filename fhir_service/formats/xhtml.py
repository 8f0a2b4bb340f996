"""Narratives on their way between the string they are in JSON and the element they are in XML (R4 narrative.html)."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from fhir_service.formats.narrative_names import ACTIVE, ATTRIBUTES, ELEMENTS
from fhir_service.formats.xml_members import XHTML_NAMESPACE

_START = re.compile(r"<div(?=[\s/>])")
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_OF_XML = frozenset({"amp", "lt", "gt", "quot", "apos"})


class NotXhtml(ValueError):
    """The text is not one well-formed `div`; the message says why."""


class _NotOfNarratives(ValueError):
    """XHTML, and more of it than a narrative may have; the message says what."""


class NarrativeFault(NamedTuple):
    """`breaks` is the invariant of R4 that is broken, empty where the text is no XHTML at all."""

    breaks: str
    text: str


def as_element(text: str) -> str:
    """A narrative from JSON, as it can stand in XML: as it is wherever it is well-formed in its namespace.

    A missing namespace is added, and HTML's names of characters become the characters. Raises NotXhtml.
    """
    div = text.strip()
    if not _START.match(div):
        raise NotXhtml("it has to begin with <div")
    for candidate in (div, _numbered(div), with_namespace(div), with_namespace(_numbered(div))):
        if is_div(candidate.encode()):
            return candidate
    try:
        _parse(div.encode())
    except expat.ExpatError as error:
        raise NotXhtml(f"it is not well-formed: {expat.ErrorString(error.code)}") from None
    raise NotXhtml(f"its outermost element has to be a div in the namespace {XHTML_NAMESPACE}")


def narrative_fault(text: str) -> NarrativeFault | None:
    """Why this cannot be a narrative, where it cannot. It has to be XHTML, or no XML client could be given it; it has
    only what R4 takes of HTML (txt-1), none of which does anything; and it says something (txt-2)."""
    said: list[str] = []

    def look_at(name: str, attributes: dict[str, str]) -> None:
        _refuse_active(name, attributes)
        if name.endswith(" img"):
            said.append(name)

    try:
        _parse(as_element(text).encode(), look_at, said.append)
    except NotXhtml as fault:
        return NarrativeFault("", str(fault))
    except _NotOfNarratives as fault:
        return NarrativeFault("txt-1", str(fault))
    if "".join(said).strip(" \t\r\n"):
        return None
    return NarrativeFault("txt-2", "it says nothing; write what is to be read, or leave text out")


def _refuse_active(name: str, attributes: dict[str, str]) -> None:
    element = name.rpartition(" ")[2].lower()
    if element in ACTIVE or element not in ELEMENTS:
        raise _NotOfNarratives(f"a narrative has no <{element[:40]}>")
    for attribute, value in attributes.items():
        if attribute.lower().startswith("on") or "".join(value.split()).lower().startswith("javascript:"):
            text = f"<{element[:40]}> has the attribute {attribute[:40]}, which would run a script"
            raise _NotOfNarratives(text)
        if attribute.rpartition(" ")[2].lower() not in ATTRIBUTES:
            raise _NotOfNarratives(
                f"<{element[:40]}> has no attribute {attribute.rpartition(' ')[2][:40]} in a narrative"
            )


def is_div(text: bytes) -> bool:
    """Whether this is one well-formed `div`, with its namespace, that nothing outside declares anything for."""
    try:
        return _parse(text) == f"{XHTML_NAMESPACE} div" and text.startswith(b"<div")
    except expat.ExpatError:
        return False


def with_namespace(div: str) -> str:
    """The same with the namespace of XHTML declared at its beginning."""
    return f'<div xmlns="{XHTML_NAMESPACE}"{div[len("<div") :]}'


def rewritten(text: str, namespaces: Mapping[str, str]) -> str:
    """A `div` that uses prefixes declared around it, without prefixes. Raises NotXhtml where not all of it is XHTML."""
    declared = "".join(f" xmlns{f':{name}' if name else ''}={quoteattr(url)}" for name, url in namespaces.items())
    parts: list[str] = []
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth == 1:
            return
        space, _, local = name.rpartition(" ")
        if space != XHTML_NAMESPACE:
            raise NotXhtml(f"the element {local[:80]} is not of the namespace {XHTML_NAMESPACE}")
        own = f' xmlns="{XHTML_NAMESPACE}"' if depth == 2 else ""
        written = "".join(f" {key.rpartition(' ')[2]}={quoteattr(value)}" for key, value in attributes.items())
        parts.append(f"<{local}{own}{written}>")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if depth:
            parts.append(f"</{name.rpartition(' ')[2]}>")

    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda data: parts.append(escape(data))
    parser.Parse(f"<around{declared}>{text}</around>".encode(), True)
    return "".join(parts)


def _parse(
    text: bytes,
    look_at: Callable[[str, dict[str, str]], None] | None = None,
    hear: Callable[[str], None] | None = None,
) -> str:
    """The name of the outermost element, with its namespace; `look_at` gets each element and its attributes, `hear`
    the text between them. Raises ExpatError, NotXhtml for a document type, and what `look_at` does."""
    names: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if not names:
            names.append(name)
        if look_at is not None:
            look_at(name, attributes)

    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = _refuse_doctype
    if hear is not None:
        parser.CharacterDataHandler = hear
    parser.Parse(text, True)
    return names[0]


def _refuse_doctype(*_: object) -> None:
    raise NotXhtml("it declares a document type")


def _numbered(div: str) -> str:
    """HTML's entities, which XML does not know, as the characters they are."""

    def character(found: re.Match[str]) -> str:
        return found[0] if found[1] in _OF_XML else html.unescape(found[0])

    return _ENTITY.sub(character, div)
