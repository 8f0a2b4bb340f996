"""What references look like (R4 references.html#literal)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_RESTFUL = re.compile(
    r"(?:(?P<root>https?://[^\s?#]+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?"
)


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
