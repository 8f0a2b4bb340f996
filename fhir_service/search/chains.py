"""Names of parameters: modifiers, chains and `_has`, taken apart (rest-rules CHN-1, HAS-1)."""

from __future__ import annotations

from typing import NamedTuple

from fhir_service.search.query_faults import invalid

_HAS = "_has:"


class Plain(NamedTuple):
    """`code` or `code:modifier`."""

    code: str
    modifier: str


class Chain(NamedTuple):
    """`reference.rest` or `reference:Type.rest`; `rest` is the name of a parameter of what is referred to."""

    reference: str
    target: str
    rest: str


class Reverse(NamedTuple):
    """`_has:Type:reference:rest`; `rest` is the name of a parameter of what refers."""

    source: str
    reference: str
    rest: str


def parsed_name(name: str) -> Plain | Chain | Reverse:
    """Raises InvalidParameter for a chain or `_has` that is not complete."""
    if name.startswith(_HAS):
        source, _, after = name.removeprefix(_HAS).partition(":")
        reference, _, rest = after.partition(":")
        if not (source and reference and rest):
            raise invalid(name, "it wants the form _has:Type:reference:parameter")
        return Reverse(source, reference, rest)
    head, dot, rest = name.partition(".")
    code, _, modifier = head.partition(":")
    if not dot:
        return Plain(code, modifier)
    if not (code and rest):
        raise invalid(name, "a chain wants the form reference.parameter or reference:Type.parameter")
    return Chain(code, modifier, rest)
