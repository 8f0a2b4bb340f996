"""Transforms that make primitives: truncate, append, cast, escape, uuid."""

from __future__ import annotations

import re
from collections.abc import Callable

from fhir_service.fhir.fhirpath_budget import room_for
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.made import Made, Surroundings, of_texts
from fhir_service.mapping.values import cast


def truncate(around: Surroundings, given: list[Made]) -> Made:
    if given[1].constant is not None:
        _length(str(given[1].constant))
    return of_texts(around, given, lambda text, length: text[: _length(length)])


def _length(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise Fault("truncate takes a text and a length")
    return int(text)


def append(around: Surroundings, given: list[Made]) -> Made:
    def joined(*texts: str) -> str:
        room_for(sum(map(len, texts)))
        return "".join(texts)

    return of_texts(around, given, joined)


def cast_to(around: Surroundings, given: list[Made]) -> Made:
    wanted = around.type_named(str(given[1].constant)) if len(given) > 1 else around.shape("string")
    if wanted.kind != "primitive":
        raise Fault("cast takes a value and the name of a primitive type")
    return of_texts(around, given[:1], lambda text: cast(text, wanted.name), wanted.name)


def escape(around: Surroundings, given: list[Made]) -> Made:
    before, after = given[1].constant, given[2].constant if len(given) > 2 else None
    formats = [name for name in (before, after) if name not in _ESCAPES]
    if formats and not (len(given) == 2 and before in _ESCAPES):
        raise Fault(f"escape takes a text and two of {', '.join(sorted(_ESCAPES))}")
    if len(given) == 2:
        before, after = "plain", before
    read, write = _ESCAPES[before][0], _ESCAPES[str(after)][1]
    return of_texts(around, given[:1], lambda text: write(read(text)))


def _unescaped(marks: tuple[tuple[str, str], ...]) -> Callable[[str], str]:
    plain_of = {mark: character for character, mark in marks}
    pattern = re.compile("|".join(re.escape(mark) for mark in plain_of))
    return lambda text: pattern.sub(lambda match: plain_of[match.group()], text)


def _escaped(marks: tuple[tuple[str, str], ...]) -> Callable[[str], str]:
    mark_of = dict(marks)
    pattern = re.compile("|".join(re.escape(character) for character in mark_of))
    return lambda text: pattern.sub(lambda match: mark_of[match.group()], text)


def uuid(around: Surroundings, _: list[Made]) -> Made:
    return Made(
        lambda run, _frame: run.uuid(),
        around.shape("uuid"),
        instead=Made(lambda run, _frame: run.uuid(), around.shape("id")),
    )


_XML = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&apos;"))


_JSON = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\b", "\\b"), ("\f", "\\f"))


_JAVA = (*_JSON, ("'", "\\'"))


_ESCAPES: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "plain": (str, str),
    **{name: (_unescaped(marks), _escaped(marks)) for name, marks in (("xml", _XML), ("json", _JSON), ("java", _JAVA))},
}
