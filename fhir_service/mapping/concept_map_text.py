"""An embedded ConceptMap -> its rows in the mapping language. Displays and comments have no place there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fhir_service.mapping.concept_map_parser import EQUIVALENCE
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.term_text import in_quotes, is_plain

_SYMBOL = {equivalence: symbol for symbol, equivalence in EQUIVALENCE.items()}
_NUMBER = re.compile(r"[0-9]{1,100}")


def concept_map_lines(name: str, concept_map: Mapping[str, Any]) -> Iterator[str]:
    """The lines of `conceptmap "#name" { … }`. Raises Fault for what the language has no words for."""
    groups = concept_map.get("group", [])
    prefixes = _prefixes(groups)
    yield f"conceptmap {in_quotes('#' + name)} {{"
    for system, prefix in prefixes.items():
        yield f"  prefix {prefix} = {in_quotes(system)}"
    yield from dict.fromkeys(
        f"  unmapped for {_prefix(group.get('source'), prefixes)} = {_unmapped(group['unmapped'])}"
        for group in groups
        if "unmapped" in group
    )
    for group in groups:
        for element in group["element"]:
            for target in element.get("target", ()):
                yield "  " + _row(group, element["code"], target, prefixes)
    yield "}"


def _prefixes(groups: list[dict[str, Any]]) -> dict[str, str]:
    systems = list(dict.fromkeys(group[end] for group in groups for end in ("source", "target") if end in group))
    return dict(zip(systems, ["s", "t", *(f"u{number}" for number in range(3, len(systems) + 1))], strict=False))


def _prefix(system: str | None, prefixes: Mapping[str, str]) -> str:
    if system is None:
        raise Fault("the mapping language has no words for codes without a system")
    return prefixes[system]


def _unmapped(unmapped: Mapping[str, Any]) -> str:
    match unmapped:
        case {"mode": "provided"}:
            return "provided"
        case {"mode": "other-map", "url": str(url)}:
            return in_quotes(url)
    raise Fault(f"the mapping language has no words for unmapped with mode {unmapped.get('mode')}")


def _row(group: Mapping[str, Any], code: str, target: Mapping[str, Any], prefixes: Mapping[str, str]) -> str:
    source = f"{_prefix(group.get('source'), prefixes)}:{_code(code)}"
    relation = target.get("equivalence", "relatedto")
    if relation == "unmatched":
        return f"{source} --"
    if relation not in _SYMBOL or "code" not in target:
        raise Fault(f"the mapping language has no words for the target of {code}")
    return f"{source} {_SYMBOL[relation]} {_prefix(group.get('target'), prefixes)}:{_code(target['code'])}"


def _code(code: str) -> str:
    return code if is_plain(code) or _NUMBER.fullmatch(code) else in_quotes(code)
