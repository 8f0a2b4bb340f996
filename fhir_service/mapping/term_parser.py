"""What rules are made of: names, types, constants, FHIRPath, transforms with their parameters.

transform   := constant | name | path | '(' fhirpath ')' | name '(' (parameter (',' parameter)*)? ')'
parameter   := constant | name | path | '(' fhirpath ')'
constant    := text | number | date | 'true' | 'false'

FHIRPath comes out in one form whatever way it was written: without brackets around the whole, white space as single
spaces, comments left out, texts in single quotes. So a map in text and the same map as a resource are one tree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.fhirpath_lexer import SyntaxFault, Token, Tokens
from fhir_service.fhir.fhirpath_parser import TYPE_OPERATORS, Node, parts, read_expression
from fhir_service.mapping.syntax import Expression, Literal, Name, Parameter, Position
from fhir_service.mapping.term_text import UNPRINTABLE, quote

_DEEPEST = 150
_DATE = re.compile(r"@\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
_TIME = r"T([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d+)?)?)?"
_DATE_TIME = re.compile(_DATE.pattern + rf"(T|{_TIME}(Z|[-+](0\d|1[0-4]):[0-5]\d)?)")
_TIME_ALONE = re.compile("@" + _TIME)
_UNITS = re.compile(r"(year|month|week|day|hour|minute|second|millisecond)s?")


def here(tokens: Tokens) -> Position:
    """Where the current token stands."""
    return Position(tokens.current.line, tokens.current.column)


def name_of(tokens: Tokens) -> str:
    """A name, plain or in quotes. Raises SyntaxFault."""
    return checked_name(tokens.expect_kind("a name", "name", "quoted", "text", "string"))


def checked_name(token: Token) -> str:
    """The name that a token holds. Raises SyntaxFault where it is empty, or not to be printed."""
    if not token.value.strip() or UNPRINTABLE.search(token.value):
        raise SyntaxFault("expected a name, found an empty or unprintable one", token.line, token.column)
    return token.value


def type_of(tokens: Tokens) -> str:
    """The name of a type, or of a part of one (`Patient.contact`). Raises SyntaxFault."""
    name = name_of(tokens)
    while tokens.accept("."):
        name = f"{name}.{name_of(tokens)}"
    return name


def quoted(tokens: Tokens) -> str:
    """A url in quotes. Raises SyntaxFault."""
    token = tokens.current
    url = tokens.expect_kind("a url in quotes", "text", "string").value
    if not url or re.search(r"\s", url) or UNPRINTABLE.search(url):
        raise SyntaxFault(f"expected a url without spaces, found {token.text[:80]}", token.line, token.column)
    return url


def read_constant(tokens: Tokens) -> Literal:
    """A text, number, date or truth value. Raises SyntaxFault."""
    if tokens.accept("-"):
        number = _number(tokens.expect_kind("a number", "number"))
        return Literal(-number)
    if tokens.at("true", "false"):
        return Literal(tokens.take().text == "true")
    token = tokens.expect_kind("a constant", "string", "text", "block", "number", "date")
    if token.kind == "date":
        return _date(token)
    return Literal(_number(token) if token.kind == "number" else token.value)


def read_fhirpath(tokens: Tokens, strength: int = 0) -> Expression:
    """The FHIRPath expression from here on, in the one form. Raises SyntaxFault.

    `strength` leaves weaker operators to what follows.
    """
    position, place, begin = here(tokens), tokens.place, tokens.current
    read_expression(tokens, strength)
    text = _one_form(tokens.taken(place))
    node = read_expression(Tokens(text))
    if _is_deep(node):
        raise SyntaxFault("this expression is nested too deeply", begin.line, begin.column)
    return Expression(text, node, position)


def whole_expression(text: str, position: Position) -> Expression:
    """The expression that a text is, in the one form. Raises SyntaxFault."""
    tokens = Tokens(text)
    found = read_fhirpath(tokens)
    if tokens.current.kind != "end":
        raise tokens.fault("an operator or the end of the expression")
    return Expression(found.text, found.node, position)


def whole_parameter(text: str, position: Position) -> Parameter:
    """The parameter that a text is. Raises SyntaxFault."""
    expression = whole_expression(text, position)
    return _simple(expression) or expression


def read_transform(tokens: Tokens) -> tuple[str, tuple[Parameter, ...]]:
    """The code of a transform and its parameters, shorthands written out. Raises SyntaxFault."""
    if tokens.at("(", "{") or tokens.current.kind in ("variable", "special") or _is_quantity(tokens):
        return "evaluate", (read_fhirpath(tokens, TYPE_OPERATORS),)
    if tokens.current.kind not in ("name", "quoted") or tokens.at("true", "false"):
        return "copy", (read_constant(tokens),)
    if tokens.following().text == ".":
        return "evaluate", (read_fhirpath(tokens, TYPE_OPERATORS),)
    name = name_of(tokens)
    if not tokens.at("("):
        return "copy", (Name(name),)
    return name, _evaluate_parameters(tokens) if name == "evaluate" else read_parameters(tokens)


def read_parameters(tokens: Tokens) -> tuple[Parameter, ...]:
    """What stands in the brackets of a transform or a call. Raises SyntaxFault."""
    tokens.expect("(")
    parameters: list[Parameter] = []
    while not tokens.accept(")"):
        if parameters:
            tokens.expect(",")
        parameters.append(read_parameter(tokens))
    return tuple(parameters)


def read_parameter(tokens: Tokens) -> Parameter:
    """One parameter; a variable or a constant in brackets is that variable or constant. Raises SyntaxFault."""
    if tokens.at("("):
        expression = read_fhirpath(tokens)
        return _simple(expression) or expression
    if tokens.at("{") or tokens.current.kind in ("variable", "special") or _is_quantity(tokens):
        return read_fhirpath(tokens)
    if tokens.current.kind in ("name", "quoted") and not tokens.at("true", "false"):
        if tokens.following().text in (".", "("):
            return read_fhirpath(tokens)
        return Name(name_of(tokens))
    return read_constant(tokens)


def _evaluate_parameters(tokens: Tokens) -> tuple[Parameter, ...]:
    tokens.expect("(")
    context: tuple[Parameter, ...] = ()
    if tokens.current.kind in ("name", "quoted") and tokens.following().text == ",":
        context = (Name(name_of(tokens)),)
        tokens.take()
    expression = read_fhirpath(tokens)
    tokens.expect(")")
    return (*context, expression)


def _simple(expression: Expression) -> Parameter | None:
    match expression.node:
        case tree.Member(of=None, name=name):
            return Name(name)
        case tree.Literal(value=value) if value is not None:
            return Literal(value)
        case tree.Unary(operator="-", of=tree.Literal(value=int() | Decimal() as value)) if not isinstance(value, bool):
            return Literal(-value)
        case tree.Opaque(text=text) if text.startswith("@"):
            return read_constant(Tokens(text))
    return None


def _is_quantity(tokens: Tokens) -> bool:
    unit = tokens.following()
    return tokens.current.kind == "number" and (unit.kind == "string" or _UNITS.fullmatch(unit.text) is not None)


def _number(token: Token) -> int | Decimal:
    return Decimal(token.text) if "." in token.text else int(token.text)


def _date(token: Token) -> Literal:
    written = token.text
    if _DATE.fullmatch(written):
        return Literal(written[1:], "date")
    if _DATE_TIME.fullmatch(written):
        return Literal(written[1:].removesuffix("T"), "dateTime")
    if _TIME_ALONE.fullmatch(written):
        return Literal(written[2:], "time")
    raise SyntaxFault(f"expected a date or time, found {written[:40]}", token.line, token.column)


def _one_form(tokens: Sequence[Token]) -> str:
    found: list[str] = []
    end: int | None = None
    for token in _without_brackets(tokens):
        if end is not None and token.start > end:
            found.append(" ")
        found.append(quote(token.value) if token.kind in ("text", "string") else token.text)
        end = token.end
    return "".join(found)


def _without_brackets(tokens: Sequence[Token]) -> Sequence[Token]:
    while len(tokens) > 2 and tokens[0].text == "(" and _closing(tokens) == len(tokens) - 1:
        tokens = tokens[1:-1]
    return tokens


def _closing(tokens: Sequence[Token]) -> int:
    """Where the bracket that is the first token closes."""
    depth = 0
    for index, token in enumerate(tokens):
        if token.kind == "symbol":
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0:
                return index
    return -1


def _is_deep(node: Node) -> bool:
    level: list[Node] = [node]
    depth = 0
    while level:
        level, depth = [part for entry in level for part in parts(entry)], depth + 1
        if depth > _DEEPEST:
            return True
    return False
