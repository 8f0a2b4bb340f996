"""Many resources to what is wrong with each, on all cores and in the order in which they came."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from fhir_service.fhir.errors import Issue, MalformedContent
from fhir_service.formats.xml_reader import json_from_xml
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.check_conformance import Conformance, all_issues
from fhir_service.workflows.resource_files import ResourceText, in_pieces
from fhir_service.workflows.worker_processes import begin_worker, cores, in_processes

_MOST_TEXTS, _MOST_BYTES = 200, 512 * 1024
"""Of one piece of work: small enough that little is lost by Ctrl-C, large enough that handing it over costs little."""


@dataclass(frozen=True)
class Question:
    """What each resource is asked: `profile` is the one it has to conform to, `definitions` go before those known,
    `must_support` tells what a profile marks so and is not there."""

    base: str
    profile: str = ""
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    must_support: bool = False


class Judged(NamedTuple):
    """A resource that was looked at, and everything that was found."""

    file: str
    line: int
    size: int
    issues: tuple[Issue, ...]


def text_issues(text: ResourceText, conformance: Conformance, profile: str) -> tuple[Issue, ...]:
    """Everything that is wrong with one resource; valid is what has no error."""
    if text.fault is not None:
        return (text.fault,)
    try:
        value = read_json(json_from_xml(text.content) if text.is_xml else text.content)
    except MalformedContent as error:
        return error.issues
    return tuple(all_issues(value, conformance, profile))


def judge_all(texts: Iterable[ResourceText], question: Question, workers: int = 0) -> Generator[Judged, None, None]:
    """Each text with its findings, by so many processes (0: one for each core). They are started only where there is
    more than one piece of work for them; who stops before the end closes the generator."""
    workers = workers or cores()
    pieces = in_pieces(texts, _MOST_TEXTS, _MOST_BYTES)
    first, second = next(pieces, []), next(pieces, None)
    if workers < 2 or second is None:
        conformance = Conformance(question.base, question.definitions, must_support=question.must_support)
        for piece in chain([first], [second] if second else [], pieces):
            for text in piece:
                yield _judged(text, conformance, question.profile)
        return
    rest = in_processes(chain([first, second], pieces), _judge_piece, workers, _begin, question)
    with contextlib.closing(rest):
        yield from chain.from_iterable(rest)


class _Worker:
    """What a process keeps from one piece to the next."""

    conformance: Conformance
    question: Question


def _begin(question: Question) -> None:
    begin_worker()
    _Worker.question = question
    _Worker.conformance = Conformance(question.base, question.definitions, must_support=question.must_support)


def _judge_piece(piece: list[ResourceText]) -> list[Judged]:
    return [_judged(text, _Worker.conformance, _Worker.question.profile) for text in piece]


def _judged(text: ResourceText, conformance: Conformance, profile: str) -> Judged:
    try:
        issues = text_issues(text, conformance, profile)
    except Exception as error:  # one resource that we fail at does not stop a run over a million
        if os.environ.get("FHIR_SERVICE_LOG_LEVEL", "").lower() == "debug":
            raise
        fault = f"a fault of ours ({type(error).__name__}): it was not validated; please report it"
        issues = (Issue("fatal", "exception", fault, (), "service.fault"),)
    return Judged(text.file, text.line, text.size, issues)
