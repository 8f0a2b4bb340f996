"""The invariants of R4 as functions over plain JSON: HL7's expression where it can be run, ours where it cannot.

What differs from HL7's, and better words for the frequent ones, stand in invariant_notes.toml, each with its reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from fhir_service.definitions.elements import properties
from fhir_service.definitions.invariants import Invariant, invariants
from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.fhirpath import compile_predicate
from fhir_service.validation.invariant_checks import CHECKS, Check, Scope

_UCUM = "http://unitsofmeasure.org"


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is ours about an invariant. `check` names a function of invariant_checks, `of` its arguments; `place` is
    where to look instead; `left_to` says who looks at it, where it is not done here. `text` may name properties of the
    element in braces. `severity` and `human` are there for rules that are no constraint of HL7's."""

    reason: str = ""
    expression: str = ""
    check: str = ""
    of: tuple[str, ...] = ()
    place: str = ""
    left_to: str = ""
    text: str = ""
    severity: str = ""
    human: str = ""
    always: bool = False
    """It can break where none of `of` is there."""
    keys_alone: bool = False
    """Whether it is broken depends on which properties there are, not on their values."""


class Rule(msgspec.Struct, frozen=True):
    """One invariant of one element. It can break only where a key of `triggers` is there; None: anywhere."""

    key: str
    severity: str
    text: str
    check: Check
    triggers: frozenset[str] | None = None
    in_contained: bool = True
    keys_alone: bool = False
    about: tuple[str, ...] = ()
    """The elements that it reads, where the text does not say it."""


@cache
def notes() -> Mapping[str, Note]:
    """By key; `place:key` where a key stands for several invariants."""
    text = files(__package__).joinpath("invariant_notes.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Note])


@cache
def rules_at(place: str, holder: str) -> tuple[Rule, ...]:
    """The invariants stated at an element, type or profile, of a value whose children are those of `holder` (empty for
    a primitive)."""
    moved = {key: note for key, note in notes().items() if note.place}
    stated = [entry for entry in invariants().get(place, ()) if entry.key not in moved]
    for key, note in moved.items():
        if note.place == place:
            stated.append(_moved(key, note))
    return tuple(_rule(entry, place, holder) for entry in stated if not note_of(entry.key, place).left_to)


def note_of(key: str, place: str) -> Note:
    return notes().get(f"{place}:{key}") or notes().get(key) or Note()


@cache
def _by_key() -> Mapping[str, Invariant]:
    return {entry.key: entry for stated in invariants().values() for entry in stated}


def _moved(key: str, note: Note) -> Invariant:
    found = _by_key().get(key) or Invariant(key, note.severity, note.human, "")
    return msgspec.structs.replace(found, expression=note.expression)


def _rule(entry: Invariant, place: str, holder: str) -> Rule:
    note = note_of(entry.key, place)
    about: tuple[str, ...] = ()
    if note.check:
        triggers = None if note.always else _keys({name.partition(".")[0] for name in note.of}, holder) or None
        check = CHECKS[note.check](*note.of)
    else:
        node = _plain(tree.parse_fhirpath(note.expression or entry.expression), place)
        check = _by_expression(node, strictly=entry.severity == "error")
        triggers = _triggers(node, holder, check)
        about = () if note.text or not holder else tuple(name for name in _heads(node) if name in _names(holder))
    text = note.text or entry.human
    asked = not entry.best_practice
    return Rule(entry.key, entry.severity, text, check, triggers, asked, keys_alone=note.keys_alone, about=about)


def _names(holder: str) -> set[str]:
    return {found.name.removesuffix("[x]") for found in properties(holder).values()}


def _by_expression(node: tree.Node, *, strictly: bool) -> Check:
    """`strictly`: what gives no result is not met, as HL7's own validator has it; the invariants are written so."""
    holds: Callable[[Any], bool | None] = compile_predicate(node)
    if strictly:
        return lambda element, _scope: holds(element) is True
    return lambda element, _scope: holds(element)


def _plain(node: tree.Node, place: str) -> tree.Node:
    """The same without what needs a context: %ucum, the name of the type at the head; a pattern is about the whole
    text, as HL7's validator takes it."""
    match node:
        case tree.Variable(name="ucum"):
            return tree.Literal(node.start, _UCUM)
        case tree.Member(of=None) if node.name == place:
            return tree.This(node.start)
        case tree.Call(name="matches", arguments=(tree.Literal(value=str(pattern)),)):
            whole = tree.Literal(node.start, rf"\A(?:{pattern})\Z")
            return replace(node, of=node.of and _plain(node.of, place), arguments=(whole,))
    changed: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tree.Node):
            changed[field.name] = _plain(value, place)
        elif isinstance(value, tuple):
            changed[field.name] = tuple(_plain(part, place) for part in value)
    return replace(node, **changed)


def _triggers(node: tree.Node, holder: str, check: Check) -> frozenset[str] | None:
    """The keys without any of which the invariant cannot break; None where it can break on an object without them."""
    if not holder or _reads_focus(node) or check({}, Scope({})) is False:
        return None
    return _keys(_heads(node), holder)


def _keys(names: Collection[str], holder: str) -> frozenset[str]:
    """The properties of elements of these names, each type of a choice and the `_` siblings included."""
    keys = [key for key, found in properties(holder).items() if key in names or found.name[:-3] in names]
    return frozenset(part for key in keys for part in (key, f"_{key}"))


def _heads(node: tree.Node) -> dict[str, None]:
    """The names at the heads of paths, in their order."""
    if isinstance(node, tree.Member) and node.of is None:
        return {node.name: None}
    return {name: None for part in tree.parts(node) for name in _heads(part)}


def _reads_focus(node: tree.Node) -> bool:
    if isinstance(node, tree.This) or (isinstance(node, tree.Call) and node.of is None and node.name != "iif"):
        return True
    return any(_reads_focus(part) for part in tree.parts(node))
