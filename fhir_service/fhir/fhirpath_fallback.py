"""What the closures do not know of FHIRPath, run by fhirpathpy with the same limits.

fhirpathpy is plain Python and knows no limits; where there is a deadline, a profile function looks at the clock and at
the size of what its functions return.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, cast

import fhirpathpy
from fhirpathpy.engine.nodes import FP_Type, ResourceNode
from fhirpathpy.models import models

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.fhirpath_budget import (
    MOST_CHARACTERS,
    MOST_ITEMS,
    TooCostly,
    search,
    seconds_left,
    substitute,
)
from fhir_service.fhir.nodes import ContentFault, to_json

SECONDS = 5.0
"""One expression may take so long where there is a deadline."""
_BETWEEN_LOOKS_AT_THE_CLOCK = 2000


class ForeignFault(ContentFault):
    """fhirpathpy could not read or evaluate the expression."""


class _Cut(BaseException):
    """Passes through the `except Exception` of fhirpathpy."""


def left_to_fhirpathpy(
    text: str, node: tree.Node, variables: Mapping[str, int]
) -> Callable[[list[Any], Sequence[Any]], list[Any]]:
    """A closure for the whole expression. Raises ForeignFault."""
    marked = _mark_variables(text, node, variables)
    if _any_this(node):
        marked = f"select({marked})"  # fhirpathpy knows $this only inside a function
    compiled = _compiled(marked)

    def run(focus: list[Any], environment: Sequence[Any]) -> list[Any]:
        names = {name: to_json(environment[at]) for name, at in variables.items() if environment[at] is not None}
        try:
            with _watched():
                found = compiled([to_json(item) for item in focus], names)
        except _Cut as cut:
            raise TooCostly(str(cut)) from cut
        except TooCostly:
            raise
        except Exception as error:  # fhirpathpy raises bare Exception; every error of the foreign library is ours here
            deep = isinstance(error, RecursionError)
            raise ForeignFault("nested too deeply" if deep else str(error) or type(error).__name__) from error
        return [str(item) if isinstance(item, FP_Type) else item for item in found]

    return run


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Any:
    try:
        return fhirpathpy.compile(text, models["r4"], options={"userInvocationTable": _OURS})
    except Exception as error:  # as above
        raise ForeignFault(str(error) or type(error).__name__) from error


@contextmanager
def _watched() -> Iterator[None]:
    seconds = seconds_left(SECONDS)
    if seconds is None or sys.getprofile() is not None:  # somebody who profiles has the place
        yield
        return
    deadline, calls = time.monotonic() + seconds, 0

    def look(_frame: object, event: str, result: object) -> None:
        nonlocal calls
        if event == "return":
            _measure(result)
        calls += 1
        if calls % _BETWEEN_LOOKS_AT_THE_CLOCK == 0 and time.monotonic() > deadline:
            raise _Cut("the expression took too long")

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)


def _measure(result: object) -> None:
    if isinstance(result, str) and len(result) > MOST_CHARACTERS:
        raise _Cut(f"a text may have {MOST_CHARACTERS} characters at most")
    if isinstance(result, list) and len(result) > MOST_ITEMS:
        raise _Cut(f"a collection may have {MOST_ITEMS} items at most")


def _matches(items: list[Any], pattern: str) -> Any:
    if not items or not pattern:
        return []
    return search(pattern, _one_text(items))


def _replace_matches(items: list[Any], pattern: Any, replacement: Any) -> Any:
    if not items or isinstance(pattern, list) or isinstance(replacement, list):
        return []
    return substitute(pattern, replacement, _one_text(items))


def _one_text(items: list[Any]) -> str:
    if len(items) != 1 or not isinstance(items[0], str):
        raise ForeignFault("one string was expected")
    return items[0]


def _extension(items: list[Any], url: Any) -> list[Any]:
    """All with that url, where fhirpathpy gives the first one only."""
    held = [item.get("extension", ()) for item in items if isinstance(item, dict)]
    found = [one for every in held for one in every if isinstance(one, dict) and one.get("url") == url]
    create = cast("Callable[[Any, str], Any]", ResourceNode.create_node)
    return [create(one, "Extension") for one in found]


_OURS = {
    "extension": {"fn": _extension, "arity": {1: ["String"]}},
    "matches": {"fn": _matches, "arity": {1: ["String"]}, "nullable": True},
    "replaceMatches": {"fn": _replace_matches, "arity": {2: ["String", "String"]}},
}
"""Functions that say another thing there, or run Python's own regular expressions, which nobody can stop."""


def _mark_variables(text: str, node: tree.Node, variables: Mapping[str, int]) -> str:
    """Head names that are variables get the `%` which fhirpathpy wants."""
    starts = {head.start for head in _heads(node) if head.name in variables}
    for start in sorted(starts, reverse=True):
        text = f"{text[:start]}%{text[start:]}"
    return text


def _any_this(node: tree.Node) -> bool:
    return isinstance(node, tree.This) or any(_any_this(part) for part in tree.parts(node))


def _heads(node: tree.Node) -> list[tree.Member]:
    if isinstance(node, tree.Member) and node.of is None:
        return [node]
    if isinstance(node, tree.Call) and node.name in ("ofType", "is", "as"):
        return _heads(node.of) if node.of is not None else []
    if isinstance(node, tree.Binary) and node.operator in ("is", "as"):
        return _heads(node.left)
    return [head for part in tree.parts(node) for head in _heads(part)]
