"""The rules of a group.

rule        := source (',' source)* ('->' target (',' target)*)? ('then' then)? name? ';'
source      := name ('.' name)? (':' type)? (min '..' max)? ('default' constant | '(' fhirpath ')')? list-mode?
               ('as' name)? ('where' fhirpath)? ('check' fhirpath)? ('log' fhirpath)?
list-mode   := 'first' | 'not_first' | 'last' | 'not_last' | 'only_one'
target      := name ('.' name)? ('=' transform)? ('as' name)? target-mode* | transform ('as' name)?
target-mode := 'first' | 'last' | 'single' | 'collate' | 'share' name
transform   := constant | name | path | '(' fhirpath ')' | name '(' (parameter (',' parameter)*)? ')'
then        := name '(' parameters ')' (',' …)* | '{' rule* '}' | both
"""

from __future__ import annotations

from decimal import Decimal

from fhir_service.fhir.fhirpath_lexer import Token, Tokens
from fhir_service.fhir.fhirpath_parser import TYPE_OPERATORS, read_expression
from fhir_service.mapping.syntax import (
    Constant,
    Dependent,
    Expression,
    Literal,
    Name,
    Parameter,
    Position,
    Rule,
    Source,
    Target,
)

SOURCE_LIST_MODES = ("first", "not_first", "last", "not_last", "only_one")
TARGET_LIST_MODES = ("first", "last", "single", "collate")


def read_rules(tokens: Tokens) -> tuple[Rule, ...]:
    """The rules between two braces. Raises SyntaxFault."""
    tokens.expect("{")
    rules: list[Rule] = []
    while not tokens.accept("}"):
        rules.append(_rule(tokens, len(rules) + 1))
    return tuple(rules)


def here(tokens: Tokens) -> Position:
    """Where the current token stands."""
    return Position(tokens.current.line, tokens.current.column)


def name_of(tokens: Tokens) -> str:
    """A name, plain or in quotes. Raises SyntaxFault."""
    return tokens.expect_kind("a name", "name", "quoted", "text", "string").value


def type_of(tokens: Tokens) -> str:
    """The name of a type, or of a part of one (`Patient.contact`). Raises SyntaxFault."""
    name = name_of(tokens)
    while tokens.accept("."):
        name = f"{name}.{name_of(tokens)}"
    return name


def quoted(tokens: Tokens) -> str:
    """A text in quotes. Raises SyntaxFault."""
    return tokens.expect_kind("a url in quotes", "text", "string").value


def read_constant(tokens: Tokens) -> Constant:
    """A text, number, date or truth value. Raises SyntaxFault."""
    if tokens.accept("-"):
        return -_number(tokens.expect_kind("a number", "number"))
    if tokens.at("true", "false"):
        return tokens.take().text == "true"
    token = tokens.expect_kind("a constant", "string", "text", "block", "number", "date")
    if token.kind == "number":
        return _number(token)
    return token.value[1:] if token.kind == "date" else token.value


def read_fhirpath(tokens: Tokens, strength: int = 0) -> Expression:
    """The FHIRPath expression from here on, with its own offsets. Raises SyntaxFault.

    `strength` leaves weaker operators to what follows.
    """
    position, start = here(tokens), tokens.current.start
    read_expression(tokens, strength)
    text = tokens.text[start : tokens.previous_end]
    return Expression(text, read_expression(Tokens(text)), position)


def _number(token: Token) -> int | Decimal:
    return Decimal(token.text) if "." in token.text else int(token.text)


def _rule(tokens: Tokens, number: int) -> Rule:
    position = here(tokens)
    sources = [_source(tokens)]
    while tokens.accept(","):
        sources.append(_source(tokens))
    targets: list[Target] = []
    if tokens.accept("->"):
        targets.append(_target(tokens))
        while tokens.accept(","):
            targets.append(_target(tokens))
    dependents, rules = _then(tokens) if tokens.accept("then") else ((), ())
    named = tokens.current.kind in ("text", "quoted")
    name = tokens.take().value if named else f"{sources[0].element or sources[0].context}-{number}"
    tokens.expect(";")
    return Rule(
        name,
        named,
        tuple(sources),
        tuple(targets),
        dependents,
        rules,
        position,
        shorthand=_is_shorthand(sources, targets, bool(dependents or rules)),
    )


def _is_shorthand(sources: list[Source], targets: list[Target], goes_on: bool) -> bool:
    if goes_on or len(sources) != 1 or len(targets) != 1:
        return False
    source, target = sources[0], targets[0]
    return (
        None not in (source.element, target.element)
        and source.variable is None
        and target.variable is None
        and target.transform is None
        and not target.list_mode
    )


def _source(tokens: Tokens) -> Source:
    position = here(tokens)
    context = name_of(tokens)
    element = name_of(tokens) if tokens.accept(".") else None
    source_type = type_of(tokens) if tokens.accept(":") else None
    low, high = _cardinality(tokens)
    default = _default(tokens) if tokens.accept("default") else None
    list_mode = tokens.take().text if tokens.at(*SOURCE_LIST_MODES) else None
    variable = name_of(tokens) if tokens.accept("as") else None
    return Source(
        context,
        element,
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


def _cardinality(tokens: Tokens) -> tuple[int | None, int | None]:
    if tokens.current.kind != "number":
        return None, None
    low = int(tokens.take().text)
    tokens.expect("..")
    if tokens.accept("*"):
        return low, None
    return low, int(tokens.expect_kind("a number or '*'", "number").text)


def _default(tokens: Tokens) -> Expression:
    if (
        not tokens.at("(")
        and tokens.current.kind not in ("text", "string", "number")
        and not tokens.at("true", "false")
    ):
        raise tokens.fault("a constant or '(' after 'default'")
    return read_fhirpath(tokens, TYPE_OPERATORS)


def _target(tokens: Tokens) -> Target:
    position = here(tokens)
    if tokens.at("(") or (tokens.current.kind == "name" and tokens.following().text == "("):
        made, given = _transform(tokens)
        return Target(None, None, position, made, given, name_of(tokens) if tokens.accept("as") else None)
    context = name_of(tokens)
    element = name_of(tokens) if tokens.accept(".") else None
    has_transform = tokens.accept("=")
    transform, parameters = _transform(tokens) if has_transform else (None, ())
    variable = name_of(tokens) if tokens.accept("as") else None
    modes: list[str] = []
    shared: str | None = None
    while tokens.at(*TARGET_LIST_MODES, "share"):
        modes.append(tokens.take().text)
        if modes[-1] == "share":
            shared = name_of(tokens)
    return Target(context, element, position, transform, parameters, variable, tuple(modes), shared)


def _transform(tokens: Tokens) -> tuple[str, tuple[Parameter, ...]]:
    if tokens.at("("):
        return "evaluate", (read_fhirpath(tokens, TYPE_OPERATORS),)
    if tokens.current.kind not in ("name", "quoted") or tokens.at("true", "false"):
        return "copy", (Literal(read_constant(tokens)),)
    if tokens.following().text == ".":
        return "evaluate", (read_fhirpath(tokens, TYPE_OPERATORS),)
    name = name_of(tokens)
    if not tokens.accept("("):
        return "copy", (Name(name),)
    if name == "evaluate":
        return name, _evaluate_parameters(tokens)
    return name, _parameters(tokens)


def _evaluate_parameters(tokens: Tokens) -> tuple[Parameter, ...]:
    if tokens.current.kind == "name" and tokens.following().text == ",":
        context = Name(name_of(tokens))
        tokens.take()
        parameters: tuple[Parameter, ...] = (context, read_fhirpath(tokens))
    else:
        parameters = (read_fhirpath(tokens),)
    tokens.expect(")")
    return parameters


def _parameters(tokens: Tokens) -> tuple[Parameter, ...]:
    parameters: list[Parameter] = []
    while not tokens.accept(")"):
        if parameters:
            tokens.expect(",")
        parameters.append(_parameter(tokens))
    return tuple(parameters)


def _parameter(tokens: Tokens) -> Parameter:
    if tokens.at("("):
        return read_fhirpath(tokens)
    if tokens.current.kind in ("name", "quoted") and not tokens.at("true", "false"):
        if tokens.following().text in (".", "("):
            return read_fhirpath(tokens)
        return Name(name_of(tokens))
    if tokens.current.kind == "variable":
        return read_fhirpath(tokens)
    return Literal(read_constant(tokens))


def _then(tokens: Tokens) -> tuple[tuple[Dependent, ...], tuple[Rule, ...]]:
    dependents: list[Dependent] = []
    while not tokens.at("{"):
        position = here(tokens)
        name = name_of(tokens)
        tokens.expect("(")
        dependents.append(Dependent(name, _parameters(tokens), position))
        if not tokens.accept(","):
            break
    return tuple(dependents), read_rules(tokens) if tokens.at("{") else ()
