"""FHIRPath text -> tree, whole grammar (hl7.org/fhirpath, section "Formal Specifications").

The parser takes the longest expression that begins at the current token and leaves the rest: that is how an
expression ends inside a mapping rule, where nothing needs to enclose it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from fhir_service.fhir.fhirpath_lexer import SyntaxFault, Token, Tokens

_UNITS = frozenset(["year", "month", "week", "day", "hour", "minute", "second", "millisecond"])
TYPE_OPERATORS = 8
"""How strongly `is` and `as` bind; what embeds FHIRPath may have an `as` of its own."""
_STRENGTH = {
    **dict.fromkeys(("implies",), 1),
    **dict.fromkeys(("or", "xor"), 2),
    **dict.fromkeys(("and",), 3),
    **dict.fromkeys(("in", "contains"), 4),
    **dict.fromkeys(("=", "~", "!=", "!~"), 5),
    **dict.fromkeys(("<", "<=", ">", ">="), 6),
    **dict.fromkeys(("|",), 7),
    **dict.fromkeys(("is", "as"), TYPE_OPERATORS),
    **dict.fromkeys(("+", "-", "&"), 9),
    **dict.fromkeys(("*", "/", "div", "mod"), 10),
}


@dataclass(frozen=True, slots=True)
class Node:
    """Anything in an expression; `start` is its offset in the text it was read from."""

    start: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant; None stands for `{}`. Dates and quantities are `Opaque`."""

    value: str | bool | int | Decimal | None


@dataclass(frozen=True, slots=True)
class Opaque(Node):
    """A constant of a type that has no JSON form of its own: a date, a time, a quantity."""

    text: str


@dataclass(frozen=True, slots=True)
class This(Node):
    """`$this`."""


@dataclass(frozen=True, slots=True)
class Special(Node):
    """`$index` or `$total`."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`%name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`of.name`; without `of` the name stands at the head and may also be a variable of a mapping rule."""

    of: Node | None
    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`of.name(arguments)`."""

    of: Node | None
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`of[index]`."""

    of: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`+x` or `-x`."""

    operator: str
    of: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`left operator right`; for `is` and `as`, `right` is a Member path that names a type."""

    operator: str
    left: Node
    right: Node


def parts(node: Node) -> tuple[Node, ...]:
    """The nodes right below a node, in the order of the text."""
    match node:
        case Member(of=of) if of is not None:
            return (of,)
        case Unary(of=of):
            return (of,)
        case Call(of=of, arguments=arguments):
            return arguments if of is None else (of, *arguments)
        case Index(of=of, index=index):
            return (of, index)
        case Binary(left=left, right=right):
            return (left, right)
    return ()


def parse_fhirpath(text: str) -> Node:
    """The tree of a whole expression. Raises SyntaxFault."""
    tokens = Tokens(text)
    node = read_expression(tokens)
    if tokens.current.kind != "end":
        raise tokens.fault("an operator or the end of the expression")
    return node


def read_expression(tokens: Tokens, strength: int = 0) -> Node:
    """The longest expression from the current token on. Raises SyntaxFault."""
    left = _prefixed(tokens)
    while True:
        operator = tokens.current
        binds = _STRENGTH.get(operator.text, 0) if operator.kind in ("symbol", "name") else 0
        if binds <= strength:
            return left
        tokens.take()
        right = _type_name(tokens) if operator.text in ("is", "as") else read_expression(tokens, binds)
        left = Binary(left.start, operator.text, left, right)


def _prefixed(tokens: Tokens) -> Node:
    token = tokens.current
    if tokens.accept("+", "-"):
        return Unary(token.start, token.text, _prefixed(tokens))
    node = _term(tokens)
    while True:
        if tokens.accept("."):
            node = _invocation(tokens, node)
        elif tokens.accept("["):
            node = Index(node.start, node, read_expression(tokens))
            tokens.expect("]")
        else:
            return node


def _term(tokens: Tokens) -> Node:
    token = tokens.current
    if tokens.accept("("):
        inner = read_expression(tokens)
        tokens.expect(")")
        return inner
    if tokens.accept("{"):
        tokens.expect("}")
        return Literal(token.start, None)
    if tokens.accept("true", "false"):
        return Literal(token.start, token.text == "true")
    if token.kind == "number":
        return _number(tokens)
    if token.kind in _CONSTANTS:
        tokens.take()
        return _CONSTANTS[token.kind](token)
    return _invocation(tokens, None)


_CONSTANTS: dict[str, Callable[[Token], Node]] = {
    "string": lambda token: Literal(token.start, token.value),
    "text": lambda token: Literal(token.start, token.value),
    "date": lambda token: Opaque(token.start, token.text),
    "variable": lambda token: Variable(token.start, token.value),
}


def _number(tokens: Tokens) -> Node:
    token = tokens.take()
    unit = tokens.current
    if unit.kind == "string" or (unit.kind == "name" and unit.text.removesuffix("s") in _UNITS):
        tokens.take()
        return Opaque(token.start, f"{token.text} {unit.text}")
    return Literal(token.start, Decimal(token.text) if "." in token.text else int(token.text))


def _invocation(tokens: Tokens, of: Node | None) -> Node:
    token = tokens.current
    start = token.start if of is None else of.start
    if token.kind == "special":
        tokens.take()
        return _special(token, start)
    if token.kind not in ("name", "quoted"):
        raise tokens.fault("an expression" if of is None else "a name or a function")
    tokens.take()
    if not tokens.accept("("):
        return Member(start, of, token.value)
    arguments: list[Node] = []
    while not tokens.accept(")"):
        if arguments:
            tokens.expect(",")
        arguments.append(read_expression(tokens))
    return Call(start, of, token.value, tuple(arguments))


def _special(token: Token, start: int) -> Node:
    if token.text == "$this":
        return This(start)
    if token.text in ("$index", "$total"):
        return Special(start, token.text)
    raise SyntaxFault(f"expected $this, $index or $total, found {token.text}", token.line, token.column)


def _type_name(tokens: Tokens) -> Node:
    first = tokens.expect_kind("the name of a type", "name", "quoted")
    node = Member(first.start, None, first.value)
    while tokens.accept("."):
        node = Member(first.start, node, tokens.expect_kind("the name of a type", "name", "quoted").value)
    return node
