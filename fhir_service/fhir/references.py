"""What references look like, and how links inside a Bundle become links inside the store (R4 http.html#trules)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_RESTFUL = re.compile(
    r"(?:(?P<root>https?://[^\s?#]+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?"
)
_HISTORY = "/_history/"
_LINK_ATTRIBUTE = re.compile(r"""(?P<start>\b(?:href|src)\s*=\s*)(?P<quote>["'])(?P<link>.*?)(?P=quote)""")

LINKS = frozenset(
    {
        *("reference", "url", "uri", "policy", "implicitRules", "source", "issuer", "jurisdiction", "instantiatesUri"),
        *("valueUri", "valueUrl", "valueOid", "valueUuid", "definitionUri", "moduleUri", "fullUrl"),
    }
)
"""Properties whose text is a link: Reference.reference, and uri, url, oid and uuid of the types that are served.
Canonicals are none of them, nor is Identifier.value."""

T = TypeVar("T")


class RestfulUrl(NamedTuple):
    """`[root/]Type/id[/_history/version]`; root and version are empty where they are not there."""

    root: str
    type: str
    id: str
    version: str


def restful_url(text: str) -> RestfulUrl | None:
    """The parts of a RESTful URL, relative or absolute; None for anything else."""
    found = _RESTFUL.fullmatch(text)
    return RestfulUrl(found["root"] or "", found["type"], found["id"], found["version"] or "") if found else None


def is_conditional(reference: str) -> bool:
    """Whether a reference is a search (`Patient?identifier=x`) that a transaction has to resolve."""
    return re.match(r"[A-Z][A-Za-z]+\?", reference) is not None


def references_in(value: Any) -> Iterator[str]:
    """The text of every Reference.reference in a resource, in order."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get("reference"), str):
                yield node["reference"]
            waiting.extend(reversed(node.values()))
        elif isinstance(node, list):
            waiting.extend(reversed(node))


def resolve_references(value: T, targets: Mapping[str, str], root: str = "") -> T:
    """A copy of a resource in which every link to a key of `targets` (a fullUrl) is its value (`Type/id`).

    Links are LINKS and `href` and `src` in narrative. A version-specific link stays version-specific. `root` is that
    of the resource's own RESTful fullUrl: relative references are resolved on it.
    """
    return _Links(targets, root).resolved(value)  # type: ignore[no-any-return]  # JSON in, the same JSON type out


class _Links:
    def __init__(self, targets: Mapping[str, str], root: str) -> None:
        self._targets = targets
        self._root = root

    def resolved(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._property(name, child) for name, child in value.items()}
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        return value

    def _property(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            if name in LINKS:
                return self._link(value)
            return _LINK_ATTRIBUTE.sub(self._attribute, value) if name == "div" else value
        if name in LINKS and isinstance(value, list):
            return [self._link(item) if isinstance(item, str) else self.resolved(item) for item in value]
        return self.resolved(value)

    def _link(self, link: str) -> str:
        address, history, version = link.partition(_HISTORY)
        target = self._targets.get(address)
        if target is None and self._root:
            target = self._targets.get(f"{self._root}/{address}")
        return link if target is None else f"{target}{history}{version}"

    def _attribute(self, found: re.Match[str]) -> str:
        return f"{found['start']}{found['quote']}{self._link(found['link'])}{found['quote']}"
