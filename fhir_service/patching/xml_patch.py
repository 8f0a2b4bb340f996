"""XML Patch (RFC 5261): add, replace and remove in the XML that says what a resource says.

Members that the patch does not touch stay as they were in JSON; the others, and their order, are those of the XML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder, tostring
from xml.parsers import expat

from fhir_service.fhir.errors import MalformedContent, NotAcceptable, UnprocessableContent
from fhir_service.fhir.json_text import encode, parse
from fhir_service.formats.xml_members import FHIR_NAMESPACE
from fhir_service.formats.xml_reader import json_from_xml
from fhir_service.formats.xml_writer import xml_from_json
from fhir_service.patching.faults import PatchFault
from fhir_service.patching.xml_selectors import ATTRIBUTE, Found, Selector

_MAX_DEPTH = 200
_PLACES = ("", "prepend", "before", "after")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `place` is `pos` of an addition, `type` names an attribute to add (`@value`)."""

    name: str
    selector: Selector
    content: tuple[Element, ...]
    text: str
    place: str
    type: str


@dataclass(frozen=True, slots=True)
class XmlPatch:
    """Operations in their order, all of which are done or none."""

    operations: tuple[Operation, ...]

    @property
    def size(self) -> int:
        """How many operations there are."""
        return len(self.operations)

    def applied(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The resource afterwards. Raises UnprocessableContent, which names the operation by its index (from 0)."""
        try:
            root, _ = _tree(xml_from_json(encode(resource)))
        except NotAcceptable as error:
            raise UnprocessableContent(f"the resource cannot be written as XML: {error}") from None
        before = _read(root)
        for index, operation in enumerate(self.operations):
            try:
                _OPERATIONS[operation.name](operation, operation.selector.find(root))
            except PatchFault as fault:
                sent = f"{operation.name} {operation.selector.text[:200]}"
                raise UnprocessableContent(f"operation {index} of the patch ({sent}): {fault}") from None
        return _kept(resource, before, _read(root))


def xml_patch(body: bytes) -> XmlPatch:
    """The patch in an XML document, whatever its root is called. Raises MalformedContent."""
    root, namespaces = _tree(body)
    return XmlPatch(tuple(_operation(index, one, namespaces) for index, one in enumerate(root)))


def _read(root: Element) -> dict[str, Any]:
    try:
        return parse(json_from_xml(tostring(root, encoding="utf-8")))
    except MalformedContent as error:
        raise UnprocessableContent("what the patch makes is not valid", issues=error.issues) from None
    except RecursionError:
        raise UnprocessableContent("the patch nests elements too deep") from None


def _kept(resource: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is the same before and after in XML is the same that it was in JSON."""
    same = {name for name in after if name in resource and encode(before.get(name)) == encode(after[name])}
    return {name: resource[name] if name in same else value for name, value in after.items()}


def _tree(text: bytes) -> tuple[Element, Mapping[str, str]]:
    """The elements of a document and the namespaces it declares, by prefix. Raises MalformedContent."""
    builder = TreeBuilder()
    namespaces: dict[str, str] = {}
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise MalformedContent(f"elements are nested deeper than {_MAX_DEPTH} levels")
        builder.start(_spelled(name), {_spelled(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_spelled(name))

    parser = expat.ParserCreate("utf-8", "}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartNamespaceDeclHandler = lambda prefix, url: namespaces.update({prefix or "": url or ""})
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise MalformedContent(f"the patch is not well-formed XML: {error}") from None
    return builder.close(), namespaces


def _refuse_doctype(*_: object) -> None:
    raise MalformedContent("the patch has a document type; leave it out")


def _spelled(name: str) -> str:
    return f"{{{name}" if "}" in name else name


def _operation(index: int, sent: Element, namespaces: Mapping[str, str]) -> Operation:
    name = sent.tag.rpartition("}")[2]
    place, kind = sent.get("pos", ""), sent.get("type", "")
    if name not in _OPERATIONS:
        raise MalformedContent(f"operation {index} of the patch is {name[:80]}; it has to be {', '.join(_OPERATIONS)}")
    if place not in _PLACES or (kind and not ATTRIBUTE.fullmatch(kind)):
        text = "pos has to be prepend, before or after, and type an attribute such as @value"
        raise MalformedContent(f"operation {index} of the patch: {text}")
    selector = Selector(sent.get("sel", ""), namespaces)
    return Operation(name, selector, tuple(_of_fhir(child) for child in sent), sent.text or "", place, kind[1:])


def _of_fhir(element: Element) -> Element:
    """New content that has no namespace is FHIR's; space around it means nothing."""
    for part in element.iter():
        if not part.tag.startswith("{"):
            part.tag = f"{{{FHIR_NAMESPACE}}}{part.tag}"
    element.tail = None
    return element


def _add(operation: Operation, found: Found) -> None:
    if found.attribute:
        raise PatchFault("an attribute is added with type='@name', on the element that the selector leads to")
    if operation.type:
        if operation.type in found.element.attrib:
            raise PatchFault(f"the attribute {operation.type[:80]} is there already; replace it instead")
        found.element.set(operation.type, operation.text.strip())
        return
    if not operation.content:
        raise PatchFault("there is no element to add")
    owner, index = found.element, 0 if operation.place == "prepend" else len(found.element)
    if operation.place in ("before", "after"):
        owner, index = _around(found, after=operation.place == "after")
    owner[index:index] = [deepcopy(element) for element in operation.content]


def _around(found: Found, *, after: bool) -> tuple[Element, int]:
    if found.parent is None:
        raise PatchFault("nothing can stand beside the resource")
    return found.parent, list(found.parent).index(found.element) + after


def _replace(operation: Operation, found: Found) -> None:
    if found.attribute:
        _require(found)
        found.element.set(found.attribute, operation.text.strip())
        return
    if len(operation.content) != 1:
        raise PatchFault(f"an element is replaced by one element, not by {len(operation.content) or 'none'}")
    owner, index = _around(found, after=False)
    owner[index] = deepcopy(operation.content[0])


def _remove(_: Operation, found: Found) -> None:
    if found.attribute:
        _require(found)
        del found.element.attrib[found.attribute]
        return
    owner, index = _around(found, after=False)
    del owner[index]


def _require(found: Found) -> None:
    if found.attribute not in found.element.attrib:
        raise PatchFault(f"the element has no attribute {found.attribute[:80]}")


_OPERATIONS: dict[str, Callable[[Operation, Found], None]] = {"add": _add, "replace": _replace, "remove": _remove}
