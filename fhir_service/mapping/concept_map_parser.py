"""A concept map embedded in a map -> ConceptMap as R4 JSON.

    conceptmap := 'conceptmap' '"#name"' '{' ('prefix' name '=' url)* (unmapped | row)* '}'
    unmapped   := 'unmapped' 'for' name '=' ('provided' | text)
    row        := name ':' code relation name ':' code | name ':' code '--'

`--` is a row that says: no target.
"""

from __future__ import annotations

import re
from typing import Any

from fhir_service.fhir.fhirpath_lexer import SyntaxFault, Tokens
from fhir_service.mapping.term_parser import quoted

_CODE = re.compile(r"[^\s\x00-\x1f]+( [^\s\x00-\x1f]+)*")
EQUIVALENCE = {
    "-": "relatedto",
    "=": "equal",
    "==": "equivalent",
    "!=": "disjoint",
    "--": "unmatched",
    "<=": "wider",
    "<-": "subsumes",
    ">=": "narrower",
    ">-": "specializes",
    "~": "inexact",
}


def read_concept_map(tokens: Tokens) -> tuple[str, dict[str, Any]]:
    """The local name, without `#`, and the ConceptMap. Raises SyntaxFault."""
    tokens.expect("conceptmap")
    at = tokens.current
    name = tokens.expect_kind("the name of the concept map in quotes", "text", "string").value.removeprefix("#")
    if not name.strip() or not name.isprintable():
        raise SyntaxFault("expected the name of the concept map, found an empty one", at.line, at.column)
    tokens.expect("{")
    rows = _Rows(tokens, _prefixes(tokens))
    while not tokens.accept("}"):
        rows.read()
    concept_map = {"resourceType": "ConceptMap", "id": name, "status": "active"}
    return name, {**concept_map, "group": rows.groups()} if rows.targets else concept_map


def _prefixes(tokens: Tokens) -> dict[str, str]:
    prefixes: dict[str, str] = {}
    while tokens.accept("prefix"):
        prefix = tokens.expect_kind("a prefix", "name").value
        tokens.expect("=")
        prefixes[prefix] = quoted(tokens)
    return prefixes


class _Rows:
    """The rows so far: targets by source and target system, then by source code."""

    def __init__(self, tokens: Tokens, prefixes: dict[str, str]) -> None:
        self.tokens, self.prefixes = tokens, prefixes
        self.targets: dict[tuple[str, str | None], dict[str, list[dict[str, str]]]] = {}
        self.unmapped: dict[str, dict[str, str]] = {}

    def read(self) -> None:
        tokens = self.tokens
        if tokens.accept("unmapped"):
            self._unmapped()
            return
        source_system, source_code = self._coded()
        relation = _relation(tokens)
        if relation == "unmatched":
            target_system, target = None, {"equivalence": relation}
        else:
            target_system, target_code = self._coded()
            target = {"code": target_code, "equivalence": relation}
        self.targets.setdefault((source_system, target_system), {}).setdefault(source_code, []).append(target)

    def groups(self) -> list[dict[str, Any]]:
        found = []
        for (source, target), codes in self.targets.items():
            group: dict[str, Any] = {"source": source} if target is None else {"source": source, "target": target}
            group["element"] = [{"code": code, "target": targets} for code, targets in codes.items()]
            if source in self.unmapped:
                group["unmapped"] = self.unmapped[source]
            found.append(group)
        return found

    def _unmapped(self) -> None:
        tokens = self.tokens
        tokens.expect("for")
        system = self._system()
        tokens.expect("=")
        if tokens.accept("provided"):
            self.unmapped[system] = {"mode": "provided"}
        elif tokens.current.kind in ("text", "string"):
            self.unmapped[system] = {"mode": "other-map", "url": quoted(tokens)}
        else:
            raise tokens.fault("'provided' or a url in quotes")

    def _system(self) -> str:
        if self.tokens.current.text not in self.prefixes:
            raise self.tokens.fault("a declared prefix")
        return self.prefixes[self.tokens.take().text]

    def _coded(self) -> tuple[str, str]:
        system = self._system()
        self.tokens.expect(":")
        token = self.tokens.expect_kind("a code", "name", "text", "string", "number")
        if not _CODE.fullmatch(token.value):
            raise SyntaxFault("expected a code, found an empty one or stray spaces", token.line, token.column)
        return system, token.value


def _relation(tokens: Tokens) -> str:
    if not tokens.at("-", "=", "==", "!=", "<=", ">=", "<", ">", "~"):
        raise tokens.fault("one of " + " ".join(EQUIVALENCE))
    symbol = tokens.take().text
    if symbol in ("<", ">"):
        symbol += tokens.expect("-").text
    elif symbol == "-" and tokens.accept("-"):
        symbol = "--"
    return EQUIVALENCE[symbol]
