"""FHIRPath tree -> text, for a tree that was put together and not read."""

from __future__ import annotations

import re

from fhir_service.fhir import fhirpath_parser as tree

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def fhirpath_text(node: tree.Node) -> str:
    """A text that is read as this tree."""
    match node:
        case tree.Member(of=of, name=name):
            return _below(of, _named(name))
        case tree.Call(of=of, name=name, arguments=arguments):
            return _below(of, f"{_named(name)}({', '.join(map(fhirpath_text, arguments))})")
        case tree.Index(of=of, index=index):
            return f"{_enclosed(of)}[{fhirpath_text(index)}]"
        case tree.Unary(operator=operator, of=of):
            return f"{operator}{_enclosed(of)}"
        case tree.Binary(operator=operator, left=left, right=right):
            end = fhirpath_text(right) if operator in ("is", "as") else _enclosed(right)
            return f"{_enclosed(left)} {operator} {end}"
    return _term(node)


def _term(node: tree.Node) -> str:
    match node:
        case tree.Literal(value=value):
            return _literal(value)
        case tree.Opaque(text=text):
            return text
        case tree.Special(name=name):
            return name
        case tree.Variable(name=name):
            return f"%{_named(name)}"
    return "$this"


def _below(of: tree.Node | None, text: str) -> str:
    return text if of is None else f"{_enclosed(of)}.{text}"


def _enclosed(node: tree.Node) -> str:
    text = fhirpath_text(node)
    return f"({text})" if isinstance(node, tree.Unary | tree.Binary | tree.Opaque) else text


def _named(name: str) -> str:
    return name if _NAME.fullmatch(name) else f"`{_escaped(name, '`')}`"


def _literal(value: object) -> str:
    if value is None:
        return "{}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{_escaped(value, chr(39))}'" if isinstance(value, str) else str(value)


def _escaped(text: str, quote: str) -> str:
    return text.replace("\\", "\\\\").replace(quote, f"\\{quote}").replace("\n", "\\n").replace("\r", "\\r")
