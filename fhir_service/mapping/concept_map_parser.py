"""A concept map embedded in a map -> ConceptMap as R4 JSON.

    conceptmap := 'conceptmap' '"#name"' '{' ('prefix' name '=' url)* (unmapped | row)* '}'
    unmapped   := 'unmapped' 'for' name '=' ('provided' | text)
    row        := name ':' code relation name ':' code | name ':' code '--'

`--` is a row that says: no target.
"""

from __future__ import annotations

from typing import Any

from fhir_service.fhir.fhirpath_lexer import Tokens

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
    name = tokens.expect_kind("the name of the concept map in quotes", "text", "string").value.removeprefix("#")
    tokens.expect("{")
    prefixes = _prefixes(tokens)
    groups: dict[tuple[str, str | None], dict[str, Any]] = {}
    unmapped: dict[str, dict[str, str]] = {}
    while not tokens.accept("}"):
        if tokens.accept("unmapped"):
            system, otherwise = _unmapped(tokens, prefixes)
            unmapped[system] = otherwise
        else:
            _row(tokens, prefixes, groups)
    for (system, _), group in groups.items():
        if system in unmapped:
            group["unmapped"] = unmapped[system]
    return name, {"resourceType": "ConceptMap", "id": name, "status": "active", "group": list(groups.values())}


def _prefixes(tokens: Tokens) -> dict[str, str]:
    prefixes: dict[str, str] = {}
    while tokens.accept("prefix"):
        prefix = tokens.expect_kind("a prefix", "name").value
        tokens.expect("=")
        prefixes[prefix] = tokens.expect_kind("the url of a code system in quotes", "text", "string").value
    return prefixes


def _row(tokens: Tokens, prefixes: dict[str, str], groups: dict[tuple[str, str | None], dict[str, Any]]) -> None:
    source_system, source_code = _coded(tokens, prefixes)
    relation = _relation(tokens)
    if relation == "unmatched":
        group = groups.setdefault((source_system, None), {"source": source_system, "element": []})
        target: dict[str, Any] = {"equivalence": relation}
    else:
        target_system, target_code = _coded(tokens, prefixes)
        new = {"source": source_system, "target": target_system, "element": []}
        group = groups.setdefault((source_system, target_system), new)
        target = {"code": target_code, "equivalence": relation}
    row = next((row for row in group["element"] if row["code"] == source_code), None)
    if row is None:
        row = {"code": source_code, "target": []}
        group["element"].append(row)
    row["target"].append(target)


def _unmapped(tokens: Tokens, prefixes: dict[str, str]) -> tuple[str, dict[str, str]]:
    tokens.expect("for")
    system = _system(tokens, prefixes)
    tokens.expect("=")
    mode = tokens.expect_kind("'provided' or a url in quotes", "name", "text", "string").value
    return system, {"mode": "provided"} if mode == "provided" else {"mode": "other-map", "url": mode}


def _system(tokens: Tokens, prefixes: dict[str, str]) -> str:
    if tokens.current.text not in prefixes:
        raise tokens.fault("a declared prefix")
    return prefixes[tokens.take().text]


def _coded(tokens: Tokens, prefixes: dict[str, str]) -> tuple[str, str]:
    system = _system(tokens, prefixes)
    tokens.expect(":")
    return system, tokens.expect_kind("a code", "name", "text", "string", "number").value


def _relation(tokens: Tokens) -> str:
    if not tokens.at("-", "=", "==", "!=", "<=", ">=", "<", ">", "~"):
        raise tokens.fault("one of " + " ".join(EQUIVALENCE))
    symbol = tokens.take().text
    if symbol in ("<", ">"):
        symbol += tokens.expect("-").text
    elif symbol == "-" and tokens.accept("-"):
        symbol = "--"
    return EQUIVALENCE[symbol]
