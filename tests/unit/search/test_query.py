"""A query string is read whole: what is applied, what is left out and said, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_cases import Terms

from fhir_service.fhir.errors import FhirError, InvalidParameter, TooCostly, UnsupportedParameter
from fhir_service.search import terms
from fhir_service.search.criteria import (
    HasTerm,
    IdCriterion,
    Include,
    LastUpdatedCriterion,
    Not,
    PointedAtBy,
    PointsAt,
    SortKey,
)
from fhir_service.search.cursor import CURSOR, Cursor
from fhir_service.search.dates import EARLIEST, LATEST, Range, date_range
from fhir_service.search.offered import search_includes, search_parameters, search_revincludes
from fhir_service.search.query import Query, parse_query

BASE = "https://fhir.example.org/r4"
SERVED = frozenset({"Patient", "Observation", "Group", "Device"})


def observation(*pairs: tuple[str, str], now: int | None = None) -> Query:
    return parse_query("Observation", pairs, base=BASE, terminology=Terms(), served=SERVED, now=now)


@pytest.mark.rule("TOK-1", "ESC-1")
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a", terms.code_term("Observation", "code", "a")),
        ("s|a", terms.token_term("Observation", "code", "s", "a")),
        ("|a", terms.token_term("Observation", "code", None, "a")),
        ("s|", terms.system_term("Observation", "code", "s")),
        (r"a\|b", terms.code_term("Observation", "code", "a|b")),
        (r"s\,t|a\$b\\", terms.token_term("Observation", "code", "s,t", "a$b\\")),
    ],
)
def test_a_token_is_a_code_a_system_or_both(text: str, wanted: str) -> None:
    assert observation(("code", text)).criteria == (HasTerm((wanted,)),)


@pytest.mark.rule("AND-1")
def test_commas_are_or_and_repetition_is_and() -> None:
    query = observation(("code", "a,b"), ("code", "c"), ("_id", "x,y"))
    counts = [len(criterion.terms) for criterion in query.criteria if isinstance(criterion, HasTerm)]
    assert counts == [2, 1]
    assert IdCriterion(("x", "y")) in query.criteria


@pytest.mark.rule("REF-1", "REF-2")
@pytest.mark.parametrize(
    ("parameter", "text", "targets"),
    [
        ("patient", "a", ["Patient/a"]),
        ("patient", f"{BASE}/Patient/a", ["Patient/a"]),
        ("patient", "Patient/a/_history/2", ["Patient/a"]),
        ("patient", "https://other.example/Patient/a", ["https://other.example/Patient/a"]),
        ("subject:Device", "a", ["Device/a"]),
        ("subject", "a", ["Group/a", "Device/a", "Patient/a", "Location/a"]),
        ("focus", "a", [None]),
    ],
)
def test_a_reference_is_an_id_a_type_and_id_or_a_url(parameter: str, text: str, targets: list[str | None]) -> None:
    (criterion,) = observation((parameter, text)).criteria
    assert isinstance(criterion, HasTerm)
    assert set(criterion.terms) == {
        terms.id_term("Observation", parameter, "a")
        if target is None
        else terms.reference_term("Observation", "subject", target)
        for target in targets
    }


@pytest.mark.rule("REF-2")
def test_an_id_that_may_be_of_several_types_is_told() -> None:
    (bare,) = observation(("subject", "a")).bare_ids
    assert (bare.parameter, bare.id, set(bare.types)) == ("subject", "a", {"Patient", "Group", "Device"})
    assert not observation(("patient", "a"), ("subject:Group", "a"), ("subject", "Patient/a")).bare_ids


def test_a_search_for_one_patient_knows_its_partition() -> None:
    def patients(value: str) -> list[str | None]:
        return [one.patient for one in observation(("patient", value)).criteria if isinstance(one, HasTerm)]

    assert patients("a") == patients("Patient/a") == ["a"]
    assert patients("a,b") == patients("http://elsewhere.org/Patient/a") == [None]


@pytest.mark.rule("PRE-1", "PRE-3", "PRE-4", "PRE-5", "DATE-2")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", [date_range("2024")]),
        ("ne2024-02", [Range(EARLIEST, date_range("2024-02").low), Range(date_range("2024-02").high, LATEST)]),
        ("gt2024", [Range(date_range("2025").low, LATEST)]),
        ("sa2024", [Range(date_range("2025").low, LATEST)]),
        ("lt2024", [Range(EARLIEST, date_range("2024").low)]),
        ("eb2024", [Range(EARLIEST, date_range("2024").low)]),
        ("ge2024", [Range(date_range("2024").low, LATEST)]),
        ("le2024", [Range(EARLIEST, date_range("2025").low)]),
        ("ap1970-01-01", [Range(-100_000, 86_500_000)]),
        ("2023,ge2025", [date_range("2023"), Range(date_range("2025").low, LATEST)]),
    ],
)
def test_prefixes_say_where_the_instant_of_the_last_update_lies(text: str, expected: list[Range]) -> None:
    assert observation(("_lastUpdated", text), now=1_000_000).criteria == (LastUpdatedCriterion(tuple(expected)),)


@pytest.mark.rule("ERR-3")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code", "a|b|c"),
        ("code", "|"),
        ("code", ","),
        ("code:missing", "perhaps"),
        ("code:missing", "true,false"),
        ("code:in", "http://e.org/unknown"),
        ("code:below", "vas"),
        ("identifier:of-type", "s|c"),
        ("patient", "#contained"),
        ("patient", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"),
        ("patient", "not an id"),
        ("patient", "Group/a"),
        ("subject:Group", "Patient/a"),
        ("date", "yesterday"),
        ("date", "2024-02-01T10"),
        ("date", "2024-02-30"),
        ("date", "ge"),
        ("value-quantity", "many"),
        ("value-quantity", "gt"),
        ("value-quantity", "5.4|mg"),
        ("value-quantity", "5.4|http://unitsofmeasure.org|"),
        ("value-quantity", "1e999"),
        ("value-quantity", "nan"),
        ("value-quantity", "\u0661"),
        ("date", "\u0662\u0660\u0662\u0664"),
        ("value-string", "---"),
        ("code-value-quantity", "vas"),
        ("code-value-quantity", "vas$"),
        ("code-value-quantity", "vas$high"),
        ("code-value-quantity", "vas$1$2"),
        ("code-value-concept", "s|$a"),
        ("_lastUpdated", "yesterday"),
        ("_lastUpdated", "2024-13"),
        ("_lastUpdated", "xx2024"),
        ("_id", "s|a"),
        ("_text", "--"),
        ("_profile:below", "urn:oid:1.2"),
        ("_has:Patient", "x"),
        ("_has:Nothing:patient:code", "x"),
        ("_has:Group:managing-entity:code", "x"),
        ("subject.", "x"),
        ("subject:Patient.birthdate", "soon"),
        ("_has:Provenance:target:recorded", "soon"),
        ("_count", "-1"),
        ("_count", "many"),
        ("_count", "²"),
        ("_total", "some"),
        ("_summary", "perhaps"),
        ("_contained", "maybe"),
        ("_include", "Observation"),
        ("_include", "a:b:c:d"),
        ("_elements", "a b"),
        ("_type", "Nothing"),
        (CURSOR, "x"),
        (CURSOR, "MTpub25l"),
        (CURSOR, "é"),
        ("code", "a\0"),
        ("code", "\ud800"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        observation((name, value))
    assert refused.value.issues[0].expression == (f"http.{name.partition(':')[0]}",)


@pytest.mark.rule("ERR-2")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code:nonsense", "a"),
        ("code:exact", "a"),
        ("code:of-type", "a|b|c"),
        ("status:text", "a"),
        ("date:exact", "2024"),
        ("value-quantity:not", "5"),
        ("value-string:not", "a"),
        ("subject:Observation", "a"),
        ("subject:Observation.code", "a"),
        ("subject:Patient.birthdate:exact", "2000"),
        ("code-value-quantity:missing", "true"),
        ("code-value-quantity:not", "a$1"),
        ("_id:exact", "a"),
        ("_lastUpdated:missing", "true"),
        ("_count:x", "1"),
        ("_sort:asc", "date"),
        ("_include:forever", "Observation:subject"),
        ("_query", "named"),
        ("_contained", "true"),
        ("_list", "$current-problems"),
        ("code:below", "http://elsewhere.org|a"),
    ],
)
def test_a_modifier_that_is_not_supported_is_refused(name: str, value: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        observation((name, value))
    assert refused.value.issues[0].expression == (f"http.{name.partition(':')[0]}",)


@pytest.mark.rule("ERR-1")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("foo", "x"),
        ("foo:exact", "x"),
        ("subject.foo", "x"),
        ("subject:Patient.foo", "x"),
        ("code.name", "x"),
        ("_has:Group:member:foo", "x"),
        ("_has:Group:foo:code", "x"),
        ("_sort", "foo"),
        ("_sort", "code-value-quantity"),
        ("_include", "Observation:foo"),
        ("_include", "Observation:code"),
        ("_include", "Nothing:subject"),
        ("_include", "Observation:subject:Observation"),
        ("_revinclude", "Provenance:foo"),
        ("_containedType", "container"),
    ],
)
def test_what_is_not_known_is_told_and_never_silently_dropped(name: str, value: str) -> None:
    served = SERVED
    query = parse_query("Group" if "_has" in name else "Observation", [(name, value), ("code", "a")], served=served)
    (issue,) = query.ignored
    expression = (f"http.{name.partition(':')[0]}",)
    assert (issue.severity, issue.code, issue.expression) == ("warning", "not-supported", expression)
    assert query.applied == (("code", "a"),)


@pytest.mark.rule("ERR-4")
def test_a_parameter_without_value_is_left_out_and_told() -> None:
    query = parse_query("Patient", [("gender", " "), ("_sort", ""), ("foo", "")])
    assert [issue.expression for issue in query.ignored] == [("http.gender",), ("http._sort",), ("http.foo",)]
    assert (query.criteria, query.applied) == ((), ())


@pytest.mark.rule("CHN-1", "HAS-1")
def test_chains_go_both_ways() -> None:
    forward, back = observation(
        ("subject:Patient.general-practitioner:Practitioner.name:exact", "X"),
        ("_has:Provenance:target:agent:Device.device-name", "y"),
    ).criteria
    assert isinstance(forward, PointsAt)
    assert (forward.scope, forward.target_type) == (terms.link_scope("Observation", "subject"), "Patient")
    (inner,) = forward.criteria
    assert isinstance(inner, PointsAt)
    assert inner.criteria == (HasTerm((terms.exact_term("Practitioner", "name", "X"),)),)
    assert isinstance(back, PointedAtBy)
    assert (back.scope, back.source_type) == (terms.link_scope("Provenance", "target"), "Provenance")


@pytest.mark.rule("CHN-1")
def test_a_chain_that_several_types_could_answer_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"subject:Group\.identifier or subject:Device\.identifier"):
        observation(("subject.identifier", "x"))
    (criterion,) = observation(("subject.birthdate", "2000")).criteria
    assert isinstance(criterion, PointsAt)
    assert criterion.target_type == "Patient"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("has-member:Observation." * 30 + "code", "x"),
        ("_has:Observation:has-member:" * 30 + "code", "x"),
        ("code", ",".join("abc" for _ in range(1001))),
        ("code", "x" * 5000),
        ("_profile:above", "http://e.org/" + "x" * 600),
        ("_sort", "date,code,status,subject,value-date,category"),
    ],
)
def test_a_search_that_asks_too_much_is_refused(name: str, value: str) -> None:
    with pytest.raises(TooCostly) as refused:
        observation((name, value))
    assert refused.value.issues[0].code == "too-costly"
    assert refused.value.issues[0].expression == (f"http.{name[:40].partition(':')[0]}",)


@pytest.mark.rule("ERR-3")
@pytest.mark.parametrize(
    "text",
    [
        *("name", "name eq", "name xx a", "(name eq a", "name eq a)", "name eq a or", "not name eq a", 'name eq "a'),
        *("name eq )", "foo eq a", "gender co a", "birthdate sw 19", "birthdate ge soon", "gender pr maybe", "1a eq b"),
        *("name[use eq official].given eq a", "name:exact eq a", "subject.foo eq a", "(" * 20 + "name eq a" + ")" * 20),
        *("gender eq a or " * 200 + "gender eq b", "_text eq a", "phonetic eq a", "name eq --", "birthdate po x"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_and_never_left_out(text: str) -> None:
    with pytest.raises(FhirError) as refused:
        parse_query("Patient", [("_filter", text)])
    assert refused.value.status == 400
    assert refused.value.issues[0].expression


def test_so_are_too_many_parameters() -> None:
    for pair in (("code", "x"), ("_include", "Observation:subject")):
        with pytest.raises(TooCostly):
            observation(*[pair] * 101)


@pytest.mark.rule("CNT-1")
@pytest.mark.parametrize(
    ("pairs", "count", "count_only"),
    [
        ([], 50, False),
        ([("_count", "7")], 7, False),
        ([("_count", "7"), ("_count", "8")], 8, False),
        ([("_count", "1000000000")], 1000, False),
        ([("_count", "9" * 40)], 1000, False),
        ([("_count", "0")], 50, True),
        ([("_summary", "count")], 50, True),
        ([("_summary", "false")], 50, False),
    ],
)
def test_pages_have_a_size_and_a_limit(pairs: list[tuple[str, str]], count: int, count_only: bool) -> None:
    query = parse_query("Patient", pairs)
    assert (query.count, query.count_only) == (count, count_only)


@pytest.mark.rule("SRC-6")
def test_what_is_applied_is_what_was_used() -> None:
    pairs = [("_count", "9"), ("_sort", "-date,foo,code"), ("_count", "99999"), ("code:not", "a"), ("_format", "json")]
    query = observation(*pairs, ("bar", "b"), ("status", ""))
    assert query.applied == (("_sort", "-date,code"), ("_count", "1000"), ("code:not", "a"), ("_format", "json"))
    assert [issue.expression for issue in query.ignored] == [("http._sort",), ("http.bar",), ("http.status",)]


def test_the_api_can_set_the_sizes_of_pages() -> None:
    assert parse_query("Patient", [], default_count=10, max_count=20).count == 10
    assert parse_query("Patient", [("_count", "99")], default_count=10, max_count=20).count == 20


@pytest.mark.rule("SORT-1")
def test_sort_rules_go_in_their_order() -> None:
    query = observation(("_sort", "-date,code"), ("_sort", "_id,-_lastUpdated,date"))
    assert query.sort == (
        SortKey("date", "number", descending=True),
        SortKey("code", "text"),
        SortKey("_id", "id"),
        SortKey("_lastUpdated", "last_updated", descending=True),
    )


@pytest.mark.rule("INC-1", "INC-2", "INC-3")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("_include", "Observation:subject", Include("Observation", "subject")),
        ("_include", "Observation:patient", Include("Observation", "subject", "Patient")),
        ("_include", "Observation:subject:Group", Include("Observation", "subject", "Group")),
        ("_include", "*", Include("*", "*")),
        ("_include:iterate", "Observation:*", Include("Observation", "*", iterate=True)),
        ("_include:recurse", "Patient:link", Include("Patient", "link", iterate=True)),
        ("_revinclude", "Provenance:target", Include("Provenance", "target", reverse=True)),
        ("_revinclude:iterate", "Provenance:target", Include("Provenance", "target", reverse=True, iterate=True)),
    ],
)
def test_includes_name_a_source_a_parameter_and_a_target(name: str, value: str, expected: Include) -> None:
    assert observation((name, value), (name, value)).includes == (expected,)


@pytest.mark.rule("SUM-2")
def test_a_summary_of_texts_takes_no_includes() -> None:
    with pytest.raises(InvalidParameter):
        observation(("_summary", "text"), ("_include", "Observation:subject"))


@pytest.mark.rule("SUM-1", "ELM-1")
def test_the_parts_that_are_wanted_are_kept() -> None:
    query = observation(("_summary", "data"), ("_elements", "code, status"), ("_elements", "code,subject"))
    assert (query.summary, query.elements) == ("data", ("code", "status", "subject"))


@pytest.mark.rule("SRC-2")
def test_several_types_are_searched_by_what_is_common_to_them() -> None:
    query = parse_query(["Patient", "Observation", "Group"], [("_type", "Patient,Observation"), ("identifier", "a")])
    assert [search.resource_type for search in query.searches] == ["Patient", "Observation"]
    assert [search.criteria for search in query.searches] == [
        (HasTerm((terms.code_term(kind, "identifier", "a"),)),) for kind in ("Patient", "Observation")
    ]
    with pytest.raises(UnsupportedParameter):
        parse_query(["Patient", "Observation"], [("birthdate", "2000")])
    assert len(parse_query(["Patient", "Observation"], [("foo", "x")]).ignored) == 1


@pytest.mark.rule("SRC-3")
def test_a_compartment_keeps_the_search_in_it() -> None:
    query = parse_query(["Condition", "Device", "Patient"], [("identifier", "a")], compartment=("Patient", "p"))
    assert [search.resource_type for search in query.searches] == ["Condition", "Patient"]
    wanted = query.searches[0].criteria[0]
    assert isinstance(wanted, HasTerm)
    assert terms.reference_term("Condition", "subject", "Patient/p") in wanted.terms


@pytest.mark.rule("PAGE-1")
@pytest.mark.parametrize("values", [(12, "abc"), (None, None), (1.5, "ü")])
def test_a_cursor_comes_back_as_the_place_it_was_made_of(values: tuple[float | None, str | None]) -> None:
    sort = (SortKey("date", "number"), SortKey("code", "text"))
    place = Cursor(values, 12345678901)
    query = observation(("_sort", "date,code"), (CURSOR, place.text(sort)))
    assert query.after == place


@pytest.mark.rule("PAGE-1")
def test_a_cursor_of_another_order_or_one_that_was_changed_is_refused() -> None:
    sort = (SortKey("date", "number"),)
    text = Cursor((12,), 7).text(sort)
    for value in (
        text[:-2],
        text + "A",
        "A" + text,
        text.replace(text[10], "-"),
        Cursor((12,), 7).text(()),
        "A" * 9000,
    ):
        with pytest.raises(InvalidParameter):
            observation(("_sort", "date"), (CURSOR, value))
    for bad in (Cursor(("a",), 7), Cursor((), 7), Cursor((12,), -1), Cursor((12,), 2**63), Cursor((True,), 7)):
        with pytest.raises(InvalidParameter):
            observation(("_sort", "date"), (CURSOR, bad.text(sort)))
    with pytest.raises(InvalidParameter):
        observation(("_sort", "-date"), (CURSOR, text))


@pytest.mark.rule("MOD-1", "TOK-5")
def test_missing_and_not_are_complements() -> None:
    present = HasTerm((terms.presence_term("Observation", "date"),))
    assert observation(("date:missing", "true")).criteria == (Not(present),)
    assert observation(("date:missing", "false")).criteria == (present,)
    (inner,) = observation(("code:not", "a,b")).criteria
    assert isinstance(inner, Not)
    assert isinstance(inner.criterion, HasTerm)
    assert len(inner.criterion.terms) == 2


@pytest.mark.parametrize("kind", ["Patient", "Observation", "AdverseEvent", "Provenance", "DetectedIssue"])
def test_every_parameter_that_is_offered_can_be_used(kind: str) -> None:
    values = {
        "token": "a",
        "reference": "Patient/a",
        "date": "2024",
        "string": "a",
        "uri": "http://a",
        "number": "1",
        "quantity": "1",
        "composite": "a$2024",
        "special": "_id eq a",
    }
    offered = search_parameters(kind)
    assert {"_id", "_lastUpdated", "_tag", "_text", "identifier"} - {one.name for one in offered} <= {"identifier"}
    for one in offered:
        value = "http://e.org/a" if one.targets and "Patient" not in one.targets else values[one.type]
        assert not parse_query(kind, [(one.name, value)]).ignored
        if "missing" in one.modifiers:
            assert not parse_query(kind, [(f"{one.name}:missing", "true")]).ignored
    for value in search_includes(kind):
        assert not parse_query(kind, [("_include", value)]).ignored
    for value in search_revincludes(kind, SERVED):
        assert not parse_query(kind, [("_revinclude", value)]).ignored


NAMES = st.sampled_from(
    [
        *("code", "date", "value-quantity", "subject", "patient", "value-string", "code-value-quantity", "_profile"),
        *(
            "code:in",
            "code:below",
            "code:text",
            "date:missing",
            "subject:Patient.name",
            "subject.name",
            "_has:Group:member:x",
        ),
        *(
            "_id",
            "_sort",
            "_count",
            "_include",
            "_type",
            "_total",
            "_text",
            "_filter",
            "_cursor",
            "_lastUpdated",
            "_list",
        ),
    ]
)
VALUES = st.one_of(
    st.text(max_size=20),
    st.text("0123456789-:TZ+.egtlsap|$,\\ne", max_size=24),
    st.sampled_from(["ge2024", "1e2|s|c", "Patient/1", "a$b", "-date,_id", "Observation:subject", "http://e.org/a|1"]),
)


@given(st.lists(st.tuples(st.one_of(NAMES, st.text(max_size=12)), VALUES), max_size=4))
def test_whatever_is_sent_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        parse_query(["Observation"], pairs, base=BASE, terminology=Terms(), served=SERVED)
    except FhirError as refusal:
        told = refusal
    else:
        return
    assert told.status == 400
    assert told.issues[0].expression
