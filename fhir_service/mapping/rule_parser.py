"""The rules of a group.

rule        := source (',' source)* ('->' target (',' target)*)? ('then' then)? name? ';'
source      := path (':' type)? (min '..' max)? ('default' constant | '(' fhirpath ')')? list-mode?
               ('as' name)? ('where' fhirpath)? ('check' fhirpath)? ('log' fhirpath)?
path        := name ('.' name)*
list-mode   := 'first' | 'not_first' | 'last' | 'not_last' | 'only_one'
target      := path ('=' transform)? ('as' name)? target-mode* | transform ('as' name)?
target-mode := 'first' | 'last' | 'single' | 'collate' | 'share' name
then        := name '(' parameters ')' (',' …)* | '{' rule* '}' | both

Transforms and what they are made of are in term_parser.py. A path of several steps stands for one source or target a
step, as if each had been written out with a variable (`a.b.c` for `a.b as x, x.c`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from fhir_service.fhir.fhirpath_lexer import SyntaxFault, Tokens
from fhir_service.fhir.fhirpath_parser import TYPE_OPERATORS
from fhir_service.mapping.rule_forms import build_rule, is_shorthand
from fhir_service.mapping.syntax import Dependent, Expression, Rule, Source, Target
from fhir_service.mapping.term_parser import (
    checked_name,
    here,
    name_of,
    read_fhirpath,
    read_parameters,
    read_transform,
    type_of,
)

SOURCE_LIST_MODES = ("first", "not_first", "last", "not_last", "only_one")
TARGET_LIST_MODES = ("first", "last", "single", "collate")
DEEPEST_RULES = 40
"""Rules inside rules; the tree is walked by recursion."""


@dataclass(frozen=True, slots=True)
class _Path:
    """`context.element`, and the steps that lead to the context where there are more than two names."""

    context: str
    element: str | None
    steps: tuple[tuple[str, str, str], ...]
    """Context, element, variable."""


def read_rules(tokens: Tokens, depth: int = 1) -> tuple[Rule, ...]:
    """The rules between two braces. Raises SyntaxFault."""
    if depth > DEEPEST_RULES:
        at = tokens.current
        raise SyntaxFault(f"rules are nested more than {DEEPEST_RULES} deep", at.line, at.column)
    tokens.expect("{")
    rules: list[Rule] = []
    while not tokens.accept("}"):
        rules.append(_rule(tokens, len(rules) + 1, depth))
    return tuple(rules)


def _rule(tokens: Tokens, number: int, depth: int) -> Rule:
    position = here(tokens)
    sources = _source(tokens)
    while tokens.accept(","):
        sources += _source(tokens)
    targets: list[Target] = []
    if tokens.accept("->"):
        targets = _target(tokens)
        while tokens.accept(","):
            targets += _target(tokens)
    dependents, rules = _then(tokens, depth) if tokens.accept("then") else ((), ())
    name = _rule_name(tokens)
    tokens.expect(";")
    if len(sources) + len(targets) > 2 and _leads_to_shorthand(sources, targets, bool(dependents or rules)):
        inner = build_rule(1, None, sources[-1:], targets[-1:], position=position)
        outside = sources[:-1] or [Source(sources[0].context, None, position)]
        return build_rule(number, name, outside, targets[:-1], rule=(inner,), position=position)
    return build_rule(number, name, sources, targets, dependent=dependents, rule=rules, position=position)


def _rule_name(tokens: Tokens) -> str | None:
    if tokens.current.kind not in ("text", "quoted"):
        return None
    return checked_name(tokens.take())


def _leads_to_shorthand(sources: list[Source], targets: list[Target], goes_on: bool) -> bool:
    """Whether it is `a.b.c -> d.e.f`, where all sources and targets but the last are steps of a path."""
    return (
        is_shorthand(sources[-1:], targets[-1:], goes_on)
        and _is_chain([(entry.context, entry.variable) for entry in sources])
        and _is_chain([(entry.context, entry.variable) for entry in targets])
        and all(entry.position == sources[0].position for entry in sources)
        and all(entry.position == targets[0].position for entry in targets)
    )


def _is_chain(steps: list[tuple[str | None, str | None]]) -> bool:
    return all(before[1] == after[0] for before, after in pairwise(steps))


def _path(tokens: Tokens) -> _Path:
    position = here(tokens)
    names = [name_of(tokens)]
    while tokens.accept("."):
        names.append(name_of(tokens))
    if len(names) == 1:
        return _Path(names[0], None, ())
    context, steps = names[0], []
    for index, element in enumerate(names[1:-1], 1):
        variable = f"via{position.line}x{position.column}x{index}"
        steps.append((context, element, variable))
        context = variable
    return _Path(context, names[-1], tuple(steps))


def _source(tokens: Tokens) -> list[Source]:
    position = here(tokens)
    path = _path(tokens)
    source_type = type_of(tokens) if tokens.accept(":") else None
    low, high = _cardinality(tokens)
    default = _default(tokens) if tokens.accept("default") else None
    list_mode = tokens.take().text if tokens.at(*SOURCE_LIST_MODES) else None
    variable = name_of(tokens) if tokens.accept("as") else None
    source = Source(
        path.context,
        path.element,
        position,
        type=source_type,
        min=low,
        max=high,
        default=default,
        list_mode=list_mode,
        variable=variable,
        condition=read_fhirpath(tokens) if tokens.accept("where") else None,
        check=read_fhirpath(tokens) if tokens.accept("check") else None,
        log=read_fhirpath(tokens) if tokens.accept("log") else None,
    )
    return [Source(context, element, position, variable=name) for context, element, name in path.steps] + [source]


def _cardinality(tokens: Tokens) -> tuple[int | None, int | None]:
    if tokens.current.kind != "number":
        return None, None
    low = _times(tokens, "a number")
    tokens.expect("..")
    return low, None if tokens.accept("*") else _times(tokens, "a number or '*'")


def _times(tokens: Tokens, expected: str) -> int:
    at = tokens.current
    if at.kind != "number" or "." in at.text or len(at.text) > 9:
        raise tokens.fault(expected)
    return int(tokens.take().text)


def _default(tokens: Tokens) -> Expression:
    constants = ("text", "string", "number", "date")
    if not tokens.at("(", "-", "true", "false") and tokens.current.kind not in constants:
        raise tokens.fault("a constant or '(' after 'default'")
    return read_fhirpath(tokens, TYPE_OPERATORS)


def _target(tokens: Tokens) -> list[Target]:
    position = here(tokens)
    if tokens.at("(") or (tokens.current.kind == "name" and tokens.following().text == "("):
        made, given = read_transform(tokens)
        return [Target(None, None, position, made, given, name_of(tokens) if tokens.accept("as") else None)]
    path = _path(tokens)
    has_transform = tokens.accept("=")
    transform, parameters = read_transform(tokens) if has_transform else (None, ())
    variable = name_of(tokens) if tokens.accept("as") else None
    modes: list[str] = []
    shared: str | None = None
    while tokens.at(*TARGET_LIST_MODES, "share"):
        modes.append(tokens.take().text)
        if modes[-1] == "share":
            shared = name_of(tokens)
    target = Target(path.context, path.element, position, transform, parameters, variable, tuple(modes), shared)
    return [Target(context, element, position, variable=name) for context, element, name in path.steps] + [target]


def _then(tokens: Tokens, depth: int) -> tuple[tuple[Dependent, ...], tuple[Rule, ...]]:
    dependents: list[Dependent] = []
    while not tokens.at("{"):
        position = here(tokens)
        name = name_of(tokens)
        if tokens.at("(") and tokens.following().text == ")":
            tokens.take()
            raise tokens.fault("a parameter")
        dependents.append(Dependent(name, read_parameters(tokens), position))
        if not tokens.accept(","):
            break
    return tuple(dependents), read_rules(tokens, depth + 1) if tokens.at("{") else ()
