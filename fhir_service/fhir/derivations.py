"""Where in a source text an element was read (R4 extension-derivation-reference)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

URL = "http://hl7.org/fhir/StructureDefinition/derivation-reference"


class Derivation(NamedTuple):
    """`offset` and `length` in characters of the text of the document that `reference` leads to."""

    reference: str
    offset: int
    length: int


def derivations_in(value: Any) -> Iterator[Derivation]:
    """Every place that a resource names whole: document, offset and length."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            if node.get("url") == URL:
                yield from _derivation(node.get("extension"))
            waiting.extend(node.values())


def _derivation(parts: Any) -> Iterator[Derivation]:
    named = {part.get("url"): part for part in parts if isinstance(part, dict)} if isinstance(parts, list) else {}
    reference = named.get("reference", {}).get("valueReference")
    offset, length = (named.get(name, {}).get("valueInteger") for name in ("offset", "length"))
    if isinstance(reference, dict) and isinstance(offset, int) and isinstance(length, int):
        yield Derivation(str(reference.get("reference", "")), offset, length)
