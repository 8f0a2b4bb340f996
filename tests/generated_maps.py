"""Maps made up by hypothesis, of the whole grammar, as the trees that the parser would give."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from fhir_service.mapping.map_metadata import Metadata
from fhir_service.mapping.rule_forms import build_rule
from fhir_service.mapping.syntax import (
    Dependent,
    Expression,
    Group,
    Import,
    Input,
    Literal,
    Name,
    Position,
    Rule,
    Source,
    Structure,
    StructureMap,
    Target,
)
from fhir_service.mapping.term_parser import whole_expression

NOWHERE = Position()
FHIRPATH = (
    "a",
    "a.b",
    "$this",
    "%x",
    "a = 'x\\'y'",
    "a where_ > -1.50 and b is string".replace(" where_", ""),
    '(a | b).first() & "quoted"',
    "f(1, 2).where($this in (a)) as Patient.contact",
    "((a))",
    "@2020-01-02T10:00:00Z <= b.c[0]",
    "5 'mg' + 3 days",
    "{}",
    "`odd name`.x // why\n or /* so */ true",
    "'line\nbreak\\u00e4'",
    "-a.b",
    "a.exists() implies b.empty()",
)
DEFAULTS = (
    "'x'",
    '"double"',
    "5",
    "-5",
    "1.50",
    "007",
    "true",
    "@2020-02",
    "@2020-01-02T10:11:12Z",
    "@T10:00",
    "a.b",
    "'\\u000c'",
)
TRANSFORMS = (
    "create",
    "copy",
    "truncate",
    "escape",
    "cast",
    "append",
    "translate",
    "reference",
    "uuid",
    "cc",
    "qty",
    "dateOp",
)

names = st.one_of(
    st.sampled_from(
        ["a", "b2", "source", "then", "first", "true", "as", "where", "share", "vvv", "parameter-1", "my_var"]
    ),
    st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,5}", fullmatch=True),
    st.sampled_from(
        ["odd name", "section4.5", "a-b", "Größe", 'say "x"', "tick`y", "back\\slash", "x" * 70, "5", "->"]
    ),
)
types = st.sampled_from(["Patient", "Patient.contact", "http://example.org/T", "odd type", "string"])
urls = st.sampled_from(
    ["urn:a", "http://hl7.org/fhir/StructureDefinition/Patient", "http://x.org/a|1.0", "http://x/*", 'x"y\\z']
)
texts = st.one_of(
    st.sampled_from(["", " ", "'", "\\", "two\nlines", "ä\u2028", "\x01\t", "#c", "\U0001f600", '"""']),
    st.text(max_size=8),
)
literals = st.one_of(
    texts.filter(lambda text: all(not "\ud800" <= c <= "\udfff" and c != "\x00" for c in text)).map(Literal),
    st.booleans().map(Literal),
    st.integers(-(2**40), 2**40).map(Literal),
    st.decimals(-1000, 1000, places=2).map(Literal),
    st.sampled_from([Literal(Decimal("0.0010")), Literal(Decimal("-8.0")), Literal(10**29)]),
    st.sampled_from([Literal("2020", "date"), Literal("2020-01", "date"), Literal("2020-02-30T10", "dateTime")]),
    st.sampled_from([Literal("2020", "dateTime"), Literal("10", "time"), Literal("10:11:12.5", "time")]),
    st.just(Literal("2020-01-02T10:11:12+01:00", "dateTime")),
)


def expression(text: str) -> Expression:
    return whole_expression(text, NOWHERE)


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


expressions = st.sampled_from(FHIRPATH).map(expression)
complex_expressions = st.sampled_from(
    [text for text in FHIRPATH if text not in ("a", "((a))") and "line" not in text]
).map(expression)
parameters = st.one_of(literals, names.map(Name), complex_expressions)


@st.composite
def sources(draw: st.DrawFn) -> Source:
    low = draw(optional(st.integers(0, 3)))
    return Source(
        draw(names),
        draw(optional(names)),
        NOWHERE,
        type=draw(optional(types)),
        min=low,
        max=None if low is None else draw(optional(st.integers(0, 9))),
        default=draw(optional(st.sampled_from(DEFAULTS).map(expression))),
        list_mode=draw(optional(st.sampled_from(["first", "not_first", "last", "not_last", "only_one"]))),
        variable=draw(optional(names)),
        condition=draw(optional(expressions)),
        check=draw(optional(expressions)),
        log=draw(optional(expressions)),
    )


@st.composite
def targets(draw: st.DrawFn) -> Target:
    made: tuple[str | None, tuple[Any, ...]] = draw(
        st.one_of(
            st.just((None, ())),
            st.tuples(st.just("copy"), parameters.map(lambda entry: (entry,))),
            st.tuples(
                st.just("evaluate"), st.one_of(expressions.map(lambda e: (e,)), st.tuples(names.map(Name), expressions))
            ),
            st.tuples(st.sampled_from(TRANSFORMS), st.lists(parameters, max_size=3).map(tuple)),
        )
    )
    if made[0] is not None and draw(st.integers(0, 4)) == 0:
        return Target(None, None, NOWHERE, made[0], made[1], draw(optional(names)))
    modes = tuple(draw(st.lists(st.sampled_from(["first", "last", "single", "collate", "share"]), max_size=2)))
    shared = draw(names) if "share" in modes else None
    return Target(draw(names), draw(optional(names)), NOWHERE, made[0], made[1], draw(optional(names)), modes, shared)


dependents = st.builds(Dependent, names, st.lists(parameters, min_size=1, max_size=3).map(tuple), st.just(NOWHERE))


@st.composite
def rules(draw: st.DrawFn, number: int, depth: int) -> Rule:
    inner = draw(st.integers(0, 2)) if depth < 3 else 0
    return build_rule(
        number,
        draw(optional(names)),
        draw(st.lists(sources(), min_size=1, max_size=2)),
        draw(st.lists(targets(), max_size=2)),
        dependent=draw(st.lists(dependents, max_size=2)),
        rule=[draw(rules(index + 1, depth + 1)) for index in range(inner)],
        position=NOWHERE,
    )


@st.composite
def groups(draw: st.DrawFn) -> Group:
    count = draw(st.integers(0, 2))
    inputs = st.builds(Input, names, st.sampled_from(["source", "target"]), optional(types), st.just(NOWHERE))
    return Group(
        draw(names),
        tuple(draw(st.lists(inputs, min_size=1, max_size=3))),
        draw(optional(names)),
        draw(st.sampled_from(["none", "types", "type-and-types"])),
        tuple(draw(rules(index + 1, 1)) for index in range(count)),
        NOWHERE,
    )


LINES: tuple[tuple[str, Any], ...] = (
    ("id", "my-map"),
    ("version", "1.0"),
    ("title", "It's a \\ title\nof two lines"),
    ("status", "active"),
    ("experimental", True),
    ("date", "2026-01-02"),
    ("publisher", "P"),
    ("contact.name", "first"),
    ("contact", None),
    ("contact.telecom.value", "second"),
    ("description", "Some *markdown*\n\n- of lines\n- with '''"),
    ("jurisdiction.coding.code", "AQ"),
    ("copyrightLabel", "(c)"),
)
CODES = st.sampled_from(["a", "B2", "5", "05", "a b", "x-y", 'q"q', "--"])
RELATIONS = st.sampled_from(
    ["relatedto", "equal", "equivalent", "disjoint", "wider", "subsumes", "narrower", "specializes", "inexact"]
)


@st.composite
def concept_maps(draw: st.DrawFn, name: str) -> dict[str, Any]:
    target = st.builds(lambda code, relation: {"code": code, "equivalence": relation}, CODES, RELATIONS)
    rows = draw(st.dictionaries(CODES, st.lists(target, min_size=1, max_size=2), max_size=3))
    found: dict[str, Any] = {"resourceType": "ConceptMap", "id": name, "status": "active"}
    if rows:
        element = [{"code": code, "target": given} for code, given in rows.items()]
        found["group"] = [{"source": "urn:s", "target": "urn:t", "element": element}]
    unmatched = draw(st.lists(CODES, max_size=2, unique=True))
    if unmatched:
        element = [{"code": code, "target": [{"equivalence": "unmatched"}]} for code in unmatched]
        found.setdefault("group", []).append({"source": "urn:s", "element": element})
    unmapped = draw(st.sampled_from([None, {"mode": "provided"}, {"mode": "other-map", "url": "http://x.org/m"}]))
    for group in found.get("group", []) if unmapped else []:
        group["unmapped"] = unmapped
    return found


@st.composite
def maps(draw: st.DrawFn) -> StructureMap:
    metadata = Metadata()
    for index in sorted(draw(st.sets(st.integers(0, len(LINES) - 1)))):
        metadata.add(*LINES[index])
    structures = st.builds(
        Structure, urls, st.sampled_from(["source", "target", "queried", "produced"]), optional(names), st.just(NOWHERE)
    )
    return StructureMap(
        url=draw(urls),
        name=draw(names),
        structure=tuple(draw(st.lists(structures, max_size=2))),
        imports=tuple(draw(st.lists(st.builds(Import, urls, st.just(NOWHERE)), max_size=2))),
        group=tuple(draw(st.lists(groups(), min_size=1, max_size=2))),
        metadata=metadata.lines(),
        contained={name: draw(concept_maps(name)) for name in draw(st.sets(st.sampled_from(["c", "x-1"])))},
        constant=tuple(draw(st.lists(st.tuples(names, expressions), max_size=2))),
    )


def without_places(tree: Any) -> Any:
    """Plain tuples of all that a tree says; where it was written, and how a number compares to another, left out."""
    if isinstance(tree, Position):
        return None
    if is_dataclass(tree):
        return (type(tree).__name__, *(without_places(getattr(tree, field.name)) for field in fields(tree)))
    if isinstance(tree, tuple | list):
        return tuple(without_places(part) for part in tree)
    if isinstance(tree, Decimal):
        return ("decimal", tree)
    return (type(tree).__name__, tree) if isinstance(tree, bool | int) else tree


def with_documentation(tree: StructureMap) -> StructureMap:
    """The same map, said of its first group what it is for."""
    return replace(tree, group=(replace(tree.group[0], documentation="What it is for"), *tree.group[1:]))
