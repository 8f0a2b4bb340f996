"""Whatever map meets whatever source: an output, or a MappingError that tells the place."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir_service.fhir.json_text import encode
from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.run import Limits

from .conftest import URL, library, map_text

LIMITS = Limits(steps=2000, seconds=2, values=2000)
NAMES = ("item", "answer", "value", "name", "word", "code", "extension", "given")
TARGETS = ("name", "gender", "active", "birthDate", "deceased", "extension", "contact", "contained", "maritalStatus")
PATHS = (*TARGETS, "multipleBirthInteger", "link", "photo", "id", "meta", "text")

words = st.sampled_from(["male", "", "2020-01-01", "true", "5", "x" * 30, "ünï", "1e400", "$1", "(", "#m"])
numbers = st.integers(-3, 10**12) | st.decimals(allow_nan=False, allow_infinity=False, places=2)
scalars = st.none() | st.booleans() | words | numbers
contents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*NAMES, "_word", "valueString", "resourceType", "url", "system", "id", "coding"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
sources = st.fixed_dictionaries(
    dict.fromkeys(("item", "word", "value"), contents),
    optional=dict.fromkeys(("answer", "name", "code", "given", "_word", "valueString", "resourceType"), contents),
)

expressions = st.sampled_from(
    [
        "s",
        "$this",
        "s.value",
        "src.item.answer.value",
        "$this.item.where(word = 'x').first()",
        "s & 'x'",
        "s + 1",
        "s = 'male' or s > 2",
        "src.word | s",
        "s.matches('(')",
        "s.replaceMatches('(a', '$9')",
        "s.repeat(item)",
        "s.toInteger() / 0",
        "src.descendants().count()",
        "s.substring(1, 2)",
        "s.ofType(string)",
        "%s.all($this.exists())",
        "iif(s, 'a', 'b')",
        "src.item[0].answer[s]",
        "s.name.given.tail().select($this & 'x')",
        "today()",
        "-s",
        "s in ('a' | 'b')",
        "s.as(Quantity).value",
    ]
)
transforms = st.one_of(
    st.sampled_from(
        [
            "s",
            "src",
            "'male'",
            "5",
            "true",
            "create('HumanName')",
            "create('string')",
            "truncate(s, 3)",
            "append(s, 'a', s)",
            "escape(s, 'json', 'xml')",
            "cast(s, 'integer')",
            "cast(s, 'date')",
            "translate(s, 'https://example.org/ConceptMap/levels', 'code')",
            "translate(s, 'https://example.org/ConceptMap/levels')",
            "reference(s)",
            "reference(tgt)",
            "pointer(tgt)",
            "uuid()",
            "cc(s)",
            "cc('a', s)",
            "c('a', s)",
            "qty(s)",
            "qty(s, 'mg')",
            "id('a', s)",
            "cp(s)",
            "s.value",
        ]
    ),
    expressions.map(lambda text: f"({text})"),
)


SOUND = (
    "tgt.gender = {0} as t",
    "tgt.name as t, t.given = {0}, t.family = {1}",
    "tgt.name as t share one, t.given = {0}",
    "tgt.name as t first, t.text = {0}",
    "tgt.name as t collate, t.given = {0} last",
    "tgt.active = {0} as t",
    "tgt.multipleBirthInteger = {0} as t",
    "tgt.birthDate as t, t = {0}, t.extension as e, e.url = {1}, e.value = create('string') as v, v = {0}",
    "tgt.extension as t, t.url = {0}, t.extension = t",
    "tgt.contained = create('Observation') as t, t.status = {0}, t.value = {1}",
    "tgt.maritalStatus = cc({0}) as t, t.coding = c({0}, {1})",
    "tgt.deceased = (src.value) as t",
    "tgt.contact as t, t.name = s",
    "{0} as t, tgt.language = t",
)
"""Right sides that can be loaded with most transforms, so that most maps are run."""


@st.composite
def rules(draw: st.DrawFn, depth: int = 0, context: str = "src") -> str:
    element = draw(st.sampled_from(["", *(f".{name}" for name in NAMES)]))
    clauses = draw(st.sampled_from(["", " first", " last", " only_one"])) if element else ""
    where = draw(st.just("") | st.just("") | expressions.map(lambda text: f" where {text}"))
    if draw(st.integers(0, 9)):
        right = draw(st.sampled_from(SOUND)).format(draw(transforms), draw(transforms))
    else:
        right = (
            f"tgt.{draw(st.sampled_from(PATHS))}{draw(st.just('') | transforms.map(lambda text: f' = {text}'))} as t"
        )
    inner = ""
    if depth < 2 and draw(st.booleans()):
        nested = draw(st.lists(rules(depth=depth + 1, context="s"), min_size=1, max_size=2))
        inner = f" then {{ {' '.join(nested)} }}"
    elif draw(st.integers(0, 4)) == 0:
        inner = " then again(s, tgt)"
    return f"{context}{element}{clauses} as s{where} -> {right}{inner};"


@given(st.lists(rules(), min_size=1, max_size=3), sources, st.booleans())
def test_whatever_map_meets_whatever_source_only_a_mapping_error_escapes(
    lines: list[str], source: dict[str, Any], once: bool
) -> None:
    more = (
        "group again(source src, target tgt) { src.item as s -> tgt then again(s, tgt); src.word as s -> tgt.id = s; }"
    )
    text = map_text("\n".join(lines), more=more)
    before = repr(source)
    error: MappingError | None = None
    try:
        done = library(text, once=once).transform_traced(URL, source, limits=LIMITS)
        assert all(entry.target.startswith("Patient") for entry in done.trace)
        encode(done.resource)
    except MappingError as found:
        error = found
    assert error is None or (error.problem and error.map_name == "test" and error.line >= 1)
    assert repr(source) == before
