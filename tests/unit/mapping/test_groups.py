"""Groups: calls, types, inheritance, default groups, limits."""

from __future__ import annotations

import pytest

from fhir_service.mapping.errors import MappingError, MappingLimit
from fhir_service.mapping.run import Limits

from .conftest import FHIR, URL, library, map_text


def test_then_calls_groups_and_runs_nested_rules(mapped) -> None:
    rules = "src.p as p -> tgt.name as n then family(p, n), use(p, n) { p.given as g -> n.given = g; };"
    more = """group family(source s, target n : HumanName) { s.last as l -> n.family = l; }
    group use(source s, target n : HumanName) { s -> n.use = 'usual'; }"""
    person = {"p": {"last": "L", "given": ["A", "B"]}}
    assert mapped(rules, person, more=more)["name"] == [{"use": "usual", "family": "L", "given": ["A", "B"]}]


def test_a_parameter_without_a_type_has_the_type_it_is_called_with(mapped, refused) -> None:
    rules = "src -> tgt.name as n then text(src, n); src -> tgt.maritalStatus as m then text(src, m);"
    more = "group text(source s, target t) {\n  s.word as w -> t.text = w;\n}"
    found = mapped(rules, {"word": "x"}, more=more)
    assert (found["name"], found["maritalStatus"]) == ([{"text": "x"}], {"text": "x"})
    error = refused("src -> tgt.contact as c then text(src, c);", more=more)
    assert (error.group, error.line) == ("text", 7)
    assert error.problem == "Patient.contact has no element text (called from test, line 4, column 30)"


def test_groups_take_constants_and_expressions(mapped) -> None:
    rules = "src.p as p then name('L', (p.given.first()), tgt);"
    more = """group name(source last, source first, target t : Patient) {
      last -> t.name as n, n.family = last, n.given = first; }"""
    assert mapped(rules, {"p": {"given": ["A", "B"]}}, more=more)["name"] == [{"family": "L", "given": ["A"]}]


def test_a_group_may_call_itself_on_what_lies_below(mapped) -> None:
    more = """group tree(source s, target t : Patient) {
      s.word as w -> t.name as n, n.text = w; s.below as b then tree(b, t); }"""
    words = {"word": "a", "below": [{"word": "b", "below": {"word": "c"}}, {"word": "d"}]}
    found = mapped("src -> tgt then tree(src, tgt);", words, more=more)
    assert [name["text"] for name in found["name"]] == ["a", "b", "c", "d"]


def test_a_target_may_be_read_as_a_source(mapped) -> None:
    rules = "src -> tgt.birthDate = '2020' as b then copy(tgt, tgt);"
    more = (
        "group copy(source s : Patient, target t : Patient) { s.birthDate as b -> t.deceased = cast(b, 'dateTime'); }"
    )
    assert mapped(rules, {}, more=more)["deceasedDateTime"] == "2020"


def test_a_group_that_extends_runs_the_other_one_first(mapped) -> None:
    rules = "src -> tgt.name as n then special(src, n);"
    more = """group base(source a, target b : HumanName) { a.last as l -> b.family = l; a -> b.given = 'first'; }
    group special(source s, target n : HumanName) extends base { s -> n.given = 'second'; }"""
    assert mapped(rules, {"last": "L"}, more=more)["name"] == [{"family": "L", "given": ["first", "second"]}]


def test_the_shorthand_copies_primitives_and_calls_the_default_group_for_types(mapped) -> None:
    rules = "src.gender -> tgt.gender; src.name -> tgt.name; src.maritalStatus -> tgt.maritalStatus;"
    more = """group names(source s : HumanName, target t : HumanName) <<types>> {
      s.family -> t.family; s -> t.use = 'old'; }"""
    patient = {
        "resourceType": "Patient",
        "gender": "male",
        "name": [{"family": "A", "given": ["x"]}, {"family": "B"}],
        "maritalStatus": {"text": "alone"},
    }
    found = mapped(rules, patient, reads="Patient", more=more)
    assert found["name"] == [{"use": "old", "family": "A"}, {"use": "old", "family": "B"}]
    assert (found["gender"], found["maritalStatus"]) == ("male", {"text": "alone"})


def test_the_default_group_of_a_type_decides_a_choice(mapped) -> None:
    more = "group years(source s : Age, target t : Quantity) <<type+>> { s.value -> t.value; s -> t.unit = 'years'; }"
    source = {"resourceType": "Condition", "onsetAge": {"value": 5}}
    rules = "src.onset : Age as a then { src.onsetAge -> tgt.value; };"
    found = mapped(rules, source, target="Observation", reads="Condition", more=more)
    assert found["valueQuantity"] == {"value": 5, "unit": "years"}


@pytest.mark.parametrize(
    ("rules", "more", "problem"),
    [
        ("src -> tgt then nothing(src, tgt);", "", "there is no group nothing in this map or the maps it imports"),
        ("src -> tgt then g(src);", "group g(source s, target t) {}", "g takes 2 parameters, 1 were given"),
        ("src -> tgt then g(src, src);", "group g(source s, target t) {}", "g writes to t, a source was given"),
        (
            "src -> tgt then g(src, tgt);",
            "group g(source s, target t : HumanName) {}",
            "g wants a HumanName as t, a Patient was given",
        ),
        ("src -> tgt then g(src, none);", "group g(source s, target t) {}", "there is no variable none here"),
        (
            "src -> tgt then g(src, tgt);",
            "group g(source s : Nobody, target t) {}",
            "there is no type Nobody; declare it with uses",
        ),
        (
            "",
            "group g(source s, target t : Patient) extends h {} group h(source s) {}",
            "h has 1 parameters, g another number",
        ),
        ("", "group test(source s, target t) {}", "the map has two groups of this name"),
        ("", "group g(source s, target t : Patient) extends none {}", "there is no group none"),
        (
            "",
            "group a(source s, target t) extends b {} group b(source s, target t) extends a {}",
            "in a circle: a -> b -> a",
        ),
    ],
)
def test_groups_that_cannot_work_are_refused_at_load(refused, rules, more, problem) -> None:
    error = refused(rules, more=more)
    assert problem in error.problem
    assert error.line >= 4


def test_groups_that_call_one_another_without_end_are_cut_with_the_rule_named() -> None:
    more = """group a(source s, target t : Patient) { s -> t then b(s, t) "on"; }
    group b(source s, target t : Patient) { s -> t then a(s, t) "back"; }"""
    with pytest.raises(MappingLimit, match=r"more than \d+ deep") as caught:
        library(map_text("src -> tgt then a(src, tgt);", more=more)).transform(URL, {})
    assert (caught.value.group in "ab", caught.value.code) == (True, "too-costly")


def test_a_run_of_too_many_steps_is_cut_with_the_rule_named() -> None:
    rules = 'src.w as a, src.w as b, src.w as c -> tgt.name as n, n.text = c "all of them";'
    with pytest.raises(MappingLimit, match="was cut after 5000 steps") as caught:
        library(map_text(rules)).transform(URL, {"w": ["x"] * 100})
    assert (caught.value.rule, caught.value.line) == ("all of them", 4)


def test_a_run_that_takes_too_long_is_cut() -> None:
    rules = "src.w as a, src.w as b -> tgt.name as n, n.text = b;"
    with pytest.raises(MappingLimit, match="was cut after 0 seconds"):
        library(map_text(rules)).transform(URL, {"w": ["x"] * 100}, limits=Limits(seconds=0))


def test_imported_groups_are_found_and_wildcards_reach_several_maps() -> None:
    shared = """map "https://example.org/shared/{0}" = "{0}"
    group {0}(source s, target t : HumanName) {{ s -> t.given = '{0}'; }}"""
    text = map_text("src -> tgt.name as n then one(src, n), two(src, n);").replace(
        "group", 'imports "https://example.org/shared/*"\ngroup', 1
    )
    found = library(text, one=shared.format("one"), two=shared.format("two")).transform(URL, {})
    assert found["name"] == [{"given": ["one", "two"]}]


def test_imports_that_lead_nowhere_or_in_a_circle_are_refused() -> None:
    text = map_text("").replace("group", 'imports "https://example.org/other"\ngroup', 1)
    with pytest.raises(MappingError, match="no map has the url https://example\\.org/other") as caught:
        library(text)
    assert (caught.value.line, caught.value.column) == (3, 9)
    other = f'map "https://example.org/other" = "other" imports "{URL}" group o(source s, target t) {{}}'
    with pytest.raises(MappingError, match="in a circle: test -> other -> test"):
        library(text, other=other)


def test_a_group_that_two_imported_maps_have_is_refused() -> None:
    twin = 'map "https://example.org/shared/{0}" = "{0}" group g(source s, target t : Patient) {{}}'
    text = map_text("src -> tgt then g(src, tgt);").replace("group", 'imports "https://example.org/shared/*"\ngroup', 1)
    with pytest.raises(MappingError, match="several imported maps have a group g"):
        library(text, a=twin.format("a"), b=twin.format("b"))


def test_a_map_is_found_by_its_url_and_version() -> None:
    text = "/// version = '2'\n" + map_text("src -> tgt.gender = 'male';")
    maps = library(text)
    assert maps.transform(f"{URL}|2", {})["gender"] == "male"
    for unknown in (f"{URL}|1", "https://example.org/none"):
        with pytest.raises(MappingError, match="there is no map"):
            maps.transform(unknown, {})


def test_another_group_can_be_entered() -> None:
    text = map_text("") + "group other(source s, target t : Device) { s.n as n -> t.distinctIdentifier = n; }"
    assert library(text).transform(URL, {"n": "1"}, group="other") == {
        "resourceType": "Device",
        "distinctIdentifier": "1",
    }


def test_what_a_map_makes_must_be_known() -> None:
    text = f"""map "{URL}" = "test" uses "https://example.org/Row" alias Row as target
    group g(source s, target t : Row) {{}}"""
    with pytest.raises(MappingError, match="what the map makes is not known"):
        library(text).transform(URL, {})


def test_types_without_an_alias_and_untyped_entry_groups_are_told_by_uses() -> None:
    text = f"""map "{URL}" = "t" uses "{FHIR}Device" as target
    group g(source s, target t) {{ s.n as n -> t.lotNumber = n; }}"""
    assert library(text).transform(URL, {"n": "1"})["lotNumber"] == "1"


def test_constants_of_a_map_are_known_in_every_group(mapped) -> None:
    text = map_text(
        "src -> tgt.name as n then g(src, n);",
        more="group g(source s, target n : HumanName) { s -> n.text = word, n.use = (use); }",
    )
    text = text.replace("group", "let word = 'x'; let use = 'us' & 'ual';\ngroup", 1)
    assert library(text).transform(URL, {})["name"] == [{"use": "usual", "text": "x"}]
