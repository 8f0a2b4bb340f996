"""The links in a resource, by what R4 says of its elements: Reference.reference, uri, url, oid, uuid, and `href` and
`src` in narrative (R4 http.html#trules). A canonical is none, nor is any string."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fhir_service.definitions.elements import Property, UnknownElement, properties

Link = Callable[[str, bool], str]
"""A link to what stands in its place; the second argument says whether it is a Reference's."""
_LINK_TYPES = frozenset({"uri", "url", "oid", "uuid"})
_ANY_RESOURCE = frozenset({"Resource", "DomainResource"})
_ATTRIBUTE = re.compile(r"""(?P<start>\b(?:href|src)\s*=\s*)(?P<quote>["'])(?P<link>.*?)(?P=quote)""")


def with_links(resource: dict[str, Any], link: Link) -> dict[str, Any]:
    """A copy of a valid resource in which every link is what `link` makes of it."""
    return _object(resource, str(resource.get("resourceType", "")), link)


def _object(value: dict[str, Any], holder: str, link: Link) -> dict[str, Any]:
    if holder in _ANY_RESOURCE:
        holder = str(value.get("resourceType", ""))
    try:
        known = properties(holder)
    except UnknownElement:
        return value
    found = {}
    for name, child in value.items():
        entry = known.get(name)
        if entry is not None:
            found[name] = _value(child, entry, link, is_reference=holder == "Reference" and name == "reference")
        else:  # what stands beside a primitive may have extensions
            found[name] = _children(child, "Element", link) if name.startswith("_") else child
    return found


def _value(value: Any, entry: Property, link: Link, *, is_reference: bool) -> Any:
    if entry.holder:
        return _children(value, entry.holder, link)
    if isinstance(value, list):
        return [_value(item, entry, link, is_reference=False) for item in value]
    if not isinstance(value, str):
        return value
    if is_reference or entry.type in _LINK_TYPES:
        return link(value, is_reference)
    if entry.type == "xhtml":
        return _ATTRIBUTE.sub(
            lambda found: f"{found['start']}{found['quote']}{link(found['link'], False)}{found['quote']}", value
        )
    return value


def _children(value: Any, holder: str, link: Link) -> Any:
    if isinstance(value, list):
        return [_children(item, holder, link) for item in value]
    return _object(value, holder, link) if isinstance(value, dict) else value
