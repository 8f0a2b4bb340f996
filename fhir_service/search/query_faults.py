"""What is wrong with a parameter, said so that its sender can mend it; the names are those of the query string."""

from __future__ import annotations

from fhir_service.fhir.errors import InvalidParameter, Issue, TooCostly, UnsupportedParameter

_SHOWN = 80


class NotKnown(Exception):
    """A parameter that is not offered for a type: to be ignored and told, or refused where the client prefers that."""


def invalid(name: str, text: str) -> InvalidParameter:
    """A value that cannot be read (rest-rules ERR-3)."""
    return InvalidParameter(f"{shown(name)}: {text}", expression=expression(name))


def unsupported_modifier(name: str, modifier: str) -> UnsupportedParameter:
    """A modifier that the parameter has not (rest-rules ERR-2)."""
    text = f"{shown(name)} has no modifier :{shown(modifier)} here"
    return UnsupportedParameter(text, expression=expression(name))


def unsupported(name: str, text: str) -> UnsupportedParameter:
    """Something that R4 knows and this server cannot do; to leave it out would find too much."""
    return UnsupportedParameter(f"{shown(name)}: {text}", expression=expression(name))


def too_costly(name: str, text: str) -> TooCostly:
    return TooCostly(f"{shown(name)}: {text}", expression=expression(name))


def ignored(name: str, why: str) -> Issue:
    """A parameter that is left out, and why (rest-rules ERR-1, ERR-4)."""
    return Issue("warning", "not-supported", f"{shown(name)} was not applied: {why}", expression(name))


def expression(name: str) -> tuple[str, ...]:
    """The parameter without its modifier: `http.name`."""
    return (f"http.{shown(name.partition(':')[0])}",)


def shown(text: str) -> str:
    """What a client sent, short enough to be sent back."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
