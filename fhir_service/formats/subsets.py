"""Parts of a resource (R4 search.html#summary, #elements): cut from its text, so that what stays keeps its digits.

A part is tagged SUBSETTED, lest it be taken for the whole and written back. It stays a resource that can be read:
mandatory elements, and those that may change the meaning of the others (implicitRules, modifierExtension), are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import msgspec

from fhir_service.definitions.elements import Property, UnknownElement, children, properties
from fhir_service.fhir.errors import MalformedContent
from fhir_service.fhir.json_text import members

SummaryMode = Literal["", "true", "text", "data"]
SUBSETTED_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
SUBSETTED = "SUBSETTED"

_TAG = msgspec.json.encode({"system": SUBSETTED_SYSTEM, "code": SUBSETTED})
_ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules", "modifierExtension"})
_NOTHING: frozenset[str] = frozenset()
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_lists = msgspec.json.Decoder(list[msgspec.Raw])

Keeps = Callable[[Property, bool], bool]
"""Whether a property stays; the second says whether it is one of the resource itself."""


@dataclass(frozen=True, slots=True)
class Subset:
    """What is asked for: a summary, or some elements (`name`, or `Patient.name` for one type), or both."""

    summary: SummaryMode = ""
    elements: tuple[str, ...] = ()

    def of(self, text: bytes) -> bytes:
        """That part of a minified resource. Raises MalformedContent where it is none."""
        if self.summary:
            text = summarized(text, self.summary)
        return with_elements(text, self.elements) if self.elements else text


def summarized(text: bytes, mode: SummaryMode) -> bytes:
    """`true`: what the definitions mark as summary; `text`: narrative, id, meta and mandatory elements; `data`: all but
    the narrative."""
    return _cut(text, _SUMMARIES[mode])


def with_elements(text: bytes, names: tuple[str, ...]) -> bytes:
    """Only the root elements of these names, and the mandatory ones; the whole where none is named for its type."""
    wanted = _named(names, _type_of(members(text, _NOTHING)))
    if not wanted:
        return text
    return _cut(text, lambda part, root: not root or part.name in wanted or part.element.min > 0)


def unknown_elements(names: tuple[str, ...], resource_type: str) -> list[str]:
    """Those of the names that are no root element of the type."""
    known = {name.removesuffix("[x]") for name in children(resource_type)} | properties(resource_type).keys()

    def is_known(name: str) -> bool:
        scope, dot, element = name.rpartition(".")
        return element.removesuffix("[x]") in known and (not dot or scope == resource_type)

    return [name for name in names if not is_known(name)]


def is_subsetted(resource: Any) -> bool:
    """Whether a resource (plain values) says of itself that it is a part."""
    meta = resource.get("meta") if isinstance(resource, dict) else None
    tags = meta.get("tag") if isinstance(meta, dict) else None
    return isinstance(tags, list) and any(
        isinstance(tag, dict) and tag.get("code") == SUBSETTED and tag.get("system") == SUBSETTED_SYSTEM for tag in tags
    )


_SUMMARIES: Mapping[str, Keeps] = {
    "true": lambda part, root: part.element.summary or part.element.min > 0,  # noqa: ARG005  # at every depth
    "text": lambda part, root: not root or part.name == "text" or part.element.min > 0,
    "data": lambda part, root: not root or part.name != "text",
}


@cache
def _named(names: tuple[str, ...], resource_type: str) -> frozenset[str]:
    """The names in the definition (`value[x]`) that are meant for this type."""
    own = {name.rpartition(".")[2] for name in names if name.partition(".")[0] in (name, resource_type)}
    choices = {part.name for name, part in properties(resource_type).items() if name in own}
    return frozenset(own | choices | {f"{name}[x]" for name in own})


def _cut(text: bytes, keeps: Keeps) -> bytes:
    """The resource with what `keeps` says of each holder and property, tagged."""
    parts = members(text, _NOTHING)
    kept = _kept(parts, _type_of(parts), keeps)
    tagged = _tagged(kept)
    return _joined(tagged)


def _kept(parts: Mapping[str, bytes], holder: str, keeps: Keeps) -> dict[str, bytes]:
    known = properties(holder)
    kept = {}
    for name, value in parts.items():
        part = known.get(name.removeprefix("_"))
        if name in _ALWAYS:
            kept[name] = value
        elif part is not None and keeps(part, "." not in holder):
            cut = _inner(value, part, keeps) if "." in part.holder else value
            if cut not in (b"{}", b"[]"):
                kept[name] = cut
    return kept


def _inner(value: bytes, part: Property, keeps: Keeps) -> bytes:
    """A backbone element, or a list of them, with their own children cut."""
    if value.startswith(b"["):
        cut = [_inner(bytes(item), part, keeps) for item in _lists.decode(value)]
        return b"[%b]" % b",".join(item for item in cut if item != b"{}")
    inner = {name: bytes(item) for name, item in _objects.decode(value).items()}
    return _joined(_kept(inner, part.holder, keeps))


def _tagged(parts: dict[str, bytes]) -> dict[str, bytes]:
    """With the tag in `meta`, which comes after `id` where there was none."""
    meta = {name: bytes(value) for name, value in _objects.decode(parts.get("meta", b"{}")).items()}
    tags = [bytes(tag) for tag in _lists.decode(meta.get("tag", b"[]"))]
    if not any(is_subsetted({"meta": {"tag": [msgspec.json.decode(tag)]}}) for tag in tags):
        meta["tag"] = b"[%b]" % b",".join([*tags, _TAG])
    rest = {name: value for name, value in parts.items() if name != "meta"}
    head = {name: rest.pop(name) for name in ["resourceType", "id"] if name in rest}
    return {**head, "meta": _joined(meta), **rest}


def _type_of(parts: Mapping[str, bytes]) -> str:
    try:
        name = msgspec.json.decode(parts["resourceType"], type=str)
        properties(name)
    except (KeyError, msgspec.MsgspecError, UnknownElement):
        raise MalformedContent("the content is no resource of R4") from None
    return name


def _joined(parts: Mapping[str, bytes]) -> bytes:
    return b"{%b}" % b",".join([msgspec.json.encode(name) + b":" + value for name, value in parts.items()])
