"""The words of a resource, for `_text` and `_content` (rest-rules BASE-1)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from fhir_service.definitions.elements import properties, types

_TAG = re.compile(r"<[^>]*>")
_SPACE = re.compile(r"\s+")
_WORDY = frozenset({"string", "markdown", "code"})
_ADDRESSES = frozenset({"data", "id", "reference", "resourceType", "system", "url", "versionId"})
"""Strings that are there for machines, whatever their type."""
_NARRATIVE = "div"


def narrative_words(resource: Mapping[str, Any]) -> str:
    """What a reader of the narrative sees: no tags, entities resolved. Of a resource or some of its members."""
    text = resource.get("text")
    div = text.get(_NARRATIVE) if isinstance(text, dict) else None
    return _plain(div) if isinstance(div, str) else ""


def content_words(resource: Mapping[str, Any]) -> str:
    """Every text and code of a resource, or some of its members, and its narratives; no ids, addresses, dates and
    numbers."""
    words: list[str] = []
    _gather(resource, words, wordy_names())
    return " ".join(words)


def _gather(held: Mapping[str, Any], words: list[str], wordy: frozenset[str]) -> None:
    for name, child in held.items():
        kind = type(child)
        if kind is str:
            if name in wordy:
                words.append(child)
            elif name == _NARRATIVE:
                words.append(_plain(child))
        elif kind is dict:
            _gather(child, words, wordy)
        elif kind is list:
            for item in child:
                if isinstance(item, dict):
                    _gather(item, words, wordy)
                elif isinstance(item, str) and name in wordy:
                    words.append(item)


@lru_cache(8)
def _plain(div: str) -> str:
    """Remembered, since a narrative is wanted by itself and among the content."""
    return _SPACE.sub(" ", html.unescape(_TAG.sub(" ", div))).strip()


@cache
def wordy_names() -> frozenset[str]:
    """The names under which some type holds words."""
    return frozenset(
        name
        for holder in _holders()
        for name, entry in properties(holder).items()
        if entry.type in _WORDY and name not in _ADDRESSES
    )


def _holders() -> list[str]:
    found = []
    for name, definition in types().items():
        parents = {path.rpartition(".")[0] for path in definition.elements}
        found += [f"{name}.{parent}" if parent else name for parent in parents]
    return found
