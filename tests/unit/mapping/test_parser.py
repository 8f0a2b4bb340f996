"""The text of a map and its tree."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.parser import parse_map
from fhir_service.mapping.syntax import Dependent, Expression, Literal, Name, Position

HEAD = 'map "urn:m" = "m"\n'


def rule(text: str):
    return parse_map(f"{HEAD}group g(source s, target t) {{\n{text}\n}}", "m").group[0].rule[0]


def test_the_header_may_be_a_map_line_or_metadata_lines() -> None:
    old = parse_map(
        f"/// title = 'A title'\n/// status = draft\n{HEAD}group g(source s, target t) {{}}".replace(
            "draft", "'draft'"
        ),
        "m",
    )
    new = parse_map(
        "/// url = \"urn:m\"\n/// name = 'm'\n/// experimental = true\n/// title =\ngroup g(source s, target t) {}", "f"
    )
    assert (old.url, old.name, old.meta("title"), old.meta("status")) == ("urn:m", "m", "A title", "draft")
    assert (new.url, new.name, new.meta("experimental"), new.meta("title")) == ("urn:m", "m", True, None)


def test_metadata_values_may_be_long_texts_and_names_may_be_paths() -> None:
    tree = parse_map(
        '/// description = """\nTwo\nlines\n"""\n/// contact.name = \'x\'\n' + HEAD + "group g(source s, target t) {}",
        "m",
    )
    assert tree.metadata == (
        ("status", "draft"),
        ("contact", None),
        ("contact.name", "x"),
        ("description", "Two\nlines"),
    )


def test_uses_and_imports_keep_their_urls_aliases_and_modes() -> None:
    text = (
        HEAD
        + 'uses \'urn:a\' alias A as source\nuses "urn:b" as produced\nimports "urn:c*"\ngroup g(source s, target t) {}'
    )
    tree = parse_map(text, "m")
    assert [(entry.url, entry.alias, entry.mode) for entry in tree.structure] == [
        ("urn:a", "A", "source"),
        ("urn:b", None, "produced"),
    ]
    assert (tree.imports[0].url, tree.imports[0].position) == ("urn:c*", Position(4, 9))


def test_groups_keep_their_types_parents_and_modes() -> None:
    text = (
        HEAD
        + "group a(source s : A, source other, target `t t` : B.c) extends b <<type+>> {}"
        + "group b(source s, target t) <<types>> {}"
    )
    first, second = parse_map(text, "m").group
    assert [(entry.name, entry.mode, entry.type) for entry in first.input] == [
        ("s", "source", "A"),
        ("other", "source", None),
        ("t t", "target", "B.c"),
    ]
    assert (first.extends, first.type_mode, second.extends, second.type_mode) == ("b", "type-and-types", None, "types")


def test_a_source_may_have_every_clause() -> None:
    text = (
        "s.a : Quantity 1..* default ('x') only_one as v where v = 1 and (a or b) check exists() log 'seen' -> t.b = v;"
    )
    source = rule(text).source[0]
    assert (source.context, source.element, source.type, source.min, source.max) == ("s", "a", "Quantity", 1, None)
    assert (source.list_mode, source.variable) == ("only_one", "v")
    clauses = (source.default, source.condition, source.check, source.log)
    assert [clause.text for clause in clauses if clause] == ["'x'", "v = 1 and (a or b)", "exists()", "'seen'"]
    assert source.condition is not None
    assert source.condition.position == Position(3, 55)


def test_a_condition_ends_where_the_rule_goes_on() -> None:
    for text in (
        "s where a > -1 -> t.b = 'x';",
        "s where a -> t.b = 'x';",
        "s where $this is string then g(s, t);",
        's where a "name";',
    ):
        condition = rule(text).source[0].condition
        assert condition is not None
        assert condition.text in ("a > -1", "a", "$this is string")


def test_targets_keep_transforms_variables_and_list_modes() -> None:
    text = """s -> t.a = create('Quantity') as q, t.b = 8.0, t.c = -5, t.d = s, t.e = (s.x) as e, t.f first,
    t.g as g share h last,
    translate(s, '#m', 'code') as code, t as u, t.`odd name` = true;"""
    targets = rule(text).target
    assert [target.transform for target in targets] == [
        "create",
        "copy",
        "copy",
        "copy",
        "evaluate",
        None,
        None,
        "translate",
        None,
        "copy",
    ]
    assert targets[1].parameter == (Literal(Decimal("8.0")),)
    assert str(targets[1].parameter[0].value) == "8.0"
    assert (targets[2].parameter, targets[3].parameter) == ((Literal(-5),), (Name("s"),))
    assert isinstance(targets[4].parameter[0], Expression)
    assert (targets[4].variable, targets[5].list_mode) == ("e", ("first",))
    assert (targets[6].list_mode, targets[6].list_rule_id) == (("share", "last"), "h")
    assert (targets[7].context, targets[7].variable, targets[8].context, targets[9].element) == (
        None,
        "code",
        "t",
        "odd name",
    )


def test_then_may_call_groups_open_rules_or_both() -> None:
    found = rule(
        "s then a(s, t), b('x', (s.y)) { s.z -> t.z; s.w -> t.w 'no name'; } \"named\";".replace(" 'no name'", "")
    )
    assert [entry.name for entry in found.dependent] == ["a", "b"]
    assert found.dependent[0] == Dependent("a", (Name("s"), Name("t")), Position(3, 8))
    assert ([inner.shorthand for inner in found.rule], found.name, found.named) == ([True, True], "named", True)


def test_a_rule_without_a_name_is_told_by_its_source_and_its_place() -> None:
    found = rule("s.a then { s.b -> t.b; s.c -> t.c; };")
    assert (found.name, found.named, [inner.name for inner in found.rule]) == ("a-1", False, ["b-1", "c-2"])


def test_comments_are_passed_over() -> None:
    found = rule("// one\ns.a /* two\nlines */ -> t.b = 'http://x // y'; // three\n//// four")
    assert found.target[0].parameter == (Literal("http://x // y"),)


def test_texts_may_hold_escapes() -> None:
    assert rule(r"s -> t.b = 'a\'b\n\u00e4\\';").target[0].parameter == (Literal("a'b\nä\\"),)


def test_an_embedded_concept_map_becomes_a_concept_map() -> None:
    text = (
        HEAD
        + """conceptmap "#c" { prefix s = "urn:s" prefix t = "urn:t"
      unmapped for s = provided
      s:a - t:b   s:"a b" == t:'c'   s:x --   s:y <- t:1   s:z >= t:z }
    group g(source s, target t) {}"""
    )
    tree = parse_map(text, "m")
    mapped, unmatched = tree.contained["c"]["group"]
    assert (mapped["source"], mapped["target"], mapped["unmapped"]) == ("urn:s", "urn:t", {"mode": "provided"})
    rows = [(row["code"], row["target"][0]["code"], row["target"][0]["equivalence"]) for row in mapped["element"]]
    assert rows == [("a", "b", "relatedto"), ("a b", "c", "equivalent"), ("y", "1", "subsumes"), ("z", "z", "narrower")]
    assert unmatched["element"] == [{"code": "x", "target": [{"equivalence": "unmatched"}]}]


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("", 1, 1, "expected 'group', found the end of the text"),
        ("group g(source s, target t) {}", 1, 1, "the map has no url"),
        ("map urn:m", 1, 5, "expected a url in quotes, found urn"),
        (HEAD + "uses 'urn:a' as sauce", 2, 17, "expected 'source', 'target', 'queried' or 'produced', found sauce"),
        (
            HEAD + "grupp g()",
            2,
            1,
            "expected '///', 'map', 'conceptmap', 'uses', 'imports', 'let' or 'group', found grupp",
        ),
        (HEAD + "group g(s, t) {}", 2, 9, "expected 'source' or 'target', found s"),
        (HEAD + "group g(source s) <<typo>> {}", 2, 21, "expected 'types' or 'type+', found typo"),
        (HEAD + "group g(source s) {\n  s.a -> t.b = 'x'\n}", 4, 1, "expected ';', found }"),
        (HEAD + "group g(source s) {\n  s.a -> t.b = ;\n}", 3, 16, "expected a constant, found ;"),
        (HEAD + "group g(source s) {\n  s.a as -> t.b;\n}", 3, 10, "expected a name, found ->"),
        (HEAD + "group g(source s) {\n  s.a where -> t.b;\n}", 3, 13, "expected an expression, found ->"),
        (HEAD + "group g(source s) {\n  s.a where (a = 1 -> t.b;\n}", 3, 20, "expected ')', found ->"),
        (HEAD + "group g(source s) {\n  s.a 1..x -> t.b;\n}", 3, 10, "expected a number or '*', found x"),
        (
            HEAD + "group g(source s) {\n  s.a default x -> t.b;\n}",
            3,
            15,
            "expected a constant or '(' after 'default', found x",
        ),
        (HEAD + "group g(source s) {\n  s -> t.b = 'open;\n}", 3, 14, "opens a text that is never closed"),
        (HEAD + "group g(source s) {\n  /* open", 3, 3, "opens a comment that is never closed"),
        (HEAD + "group g(source s) {\n  s -> t.b = §;", 3, 14, "the character § has no meaning here"),
        (HEAD + "group g(source s) {\n  s.a 1.5..2 -> t.b;\n}", 3, 7, "expected a number, found 1.5"),
        (HEAD + "group g(source s) {\n  s.a then h();\n}", 3, 14, "expected a parameter, found )"),
        (HEAD + "group g(source s) {\n  s -> t.b = @2020-13;\n}", 3, 14, "expected a date or time, found @2020-13"),
        (HEAD + "group g(source s) {\n  s -> t.b = " + "9" * 5000 + ";\n}", 3, 14, "a number may have 100 digits"),
        (HEAD + "group g(source s) {\n" + "s then {" * 41, 3, 320, "rules are nested more than 40 deep"),
        (HEAD + "group g(source s) {\n  s where " + "a." * 200 + "a;\n}", 3, 11, "nested too deeply"),
        (HEAD + "uses 'urn: a' as source", 2, 6, "expected a url without spaces"),
        ("/// verison = '1'\n" + HEAD, 1, 5, "StructureMap has no element verison"),
        ("/// status = 'done'\n" + HEAD, 1, 5, "status is one of draft, active, retired, unknown"),
        ("/// title = true\n" + HEAD, 1, 5, "title is a string, True is not"),
        ("/// contact = 'x'\n" + HEAD, 1, 5, "contact is a ContactDetail; give its elements a value"),
        (HEAD + "conceptmap '#c' { prefix s = 'u' s:a ? t:b }", 2, 38, "the character ? has no meaning here"),
        (HEAD + "conceptmap '#c' { prefix s = 'u' s:a -> t:b }", 2, 38, "expected one of - = == !="),
        (HEAD + "conceptmap '#c' { prefix s = 'u' s:a - t:b }", 2, 40, "expected a declared prefix, found t"),
    ],
)
def test_a_mistake_is_told_with_line_column_and_what_was_expected(text, line, column, expected) -> None:
    with pytest.raises(MappingError) as caught:
        parse_map(text, "broken")
    assert expected in caught.value.problem
    assert (caught.value.line, caught.value.column, caught.value.map_name) == (line, column, "broken")
    assert str(caught.value).startswith(f"map broken, line {line}, column {column}: ")


def test_fhirpath_has_one_form_whatever_way_it_was_written() -> None:
    found = rule('s where (( a  = "x" )) // why\n and (b) check /* c */ (d) -> t.b = ((s.c)), t.d = a.b;')
    assert (found.source[0].condition.text, found.source[0].check.text) == (
        "(( a = 'x' )) and (b)",
        "d",
    )
    assert [target.parameter[0].text for target in found.target] == ["s.c", "a.b"]


def test_constants_may_be_dates_times_and_quantities() -> None:
    targets = rule(
        "s -> t.a = @2020-01, t.b = @2020-01-02T10:11:12Z, t.c = @T10:00, t.d = 5 'mg', t.e = append(3 days, -1.50);"
    ).target
    assert [target.parameter[0] for target in targets[:3]] == [
        Literal("2020-01", "date"),
        Literal("2020-01-02T10:11:12Z", "dateTime"),
        Literal("10:00", "time"),
    ]
    assert (targets[3].transform, targets[3].parameter[0].text) == ("evaluate", "5 'mg'")
    assert (targets[4].parameter[0].text, str(targets[4].parameter[1].value)) == ("3 days", "-1.50")


def test_a_path_of_several_steps_stands_for_a_source_or_target_a_step() -> None:
    found = rule("s.a.b.c as x -> t.d.e = x;")
    assert [(entry.context, entry.element, entry.variable) for entry in found.source] == [
        ("s", "a", "via3x1x1"),
        ("via3x1x1", "b", "via3x1x2"),
        ("via3x1x2", "c", "x"),
    ]
    assert [(entry.context, entry.element) for entry in found.target] == [("t", "d"), ("via3x17x1", "e")]


def test_a_shorthand_with_paths_is_a_shorthand_at_their_ends() -> None:
    found = rule('s.a.b -> t.c.d "n";')
    assert (found.name, found.shorthand, len(found.source), len(found.target)) == ("n", False, 1, 1)
    assert [(inner.shorthand, inner.source[0].element, inner.target[0].element) for inner in found.rule] == [
        (True, "b", "d")
    ]


def test_the_automatic_variable_of_the_reference_engine_means_the_shorthand() -> None:
    found = rule("s.a as vvv -> t.b = create() as vvv;")
    assert (found.shorthand, found.source[0].variable, found.target[0].transform) == (True, None, None)


def test_halves_of_a_character_are_put_together_or_refused() -> None:
    assert rule(r"s -> t.b = '\ud83d\ude00';").target[0].parameter == (Literal("\U0001f600"),)
    with pytest.raises(MappingError) as caught:
        rule(r"s -> t.b = '\ud83d';")
    assert "half of a character" in caught.value.problem


def test_brackets_without_end_are_a_mistake_on_their_line() -> None:
    with pytest.raises(MappingError) as caught:
        rule("s where " + "(" * 10000)
    assert (caught.value.problem, caught.value.line) == ("this is nested too deeply", 3)


@pytest.mark.parametrize(
    "text",
    [
        'src.a as a where (a.length() <= 20) -> tgt.a = a "rule_a20a";',
        "src.a2 as a where a2.length() <= 20 -> tgt.a2 = truncate(a, 20); // why",
        'src.a3 : integer 0..1 default "5" first as x check ($this > 0) log "odd" -> tgt.b = cast(x, "string");',
        'src.m first as v -> tgt.m = v first share x last "r";',
        "src as s, src.b as b where $this in ('a' | 'b') -> tgt as t2, t2.c = c('s', b), uuid() then A(s, t2), B(b);",
        'src.item as i then { i.a -> tgt.b; /* b */ i.c -> tgt.d; } "n";',
        'src.v : code as vs0 -> tgt.value = create("code") as vt0 then code(vs0, vt0) "valueCode";',
        "src.`from` as `where` -> tgt.`value[x]` = %`where`.x, tgt.y = (%unit & 'a');",
        "src log (src.field);",
    ],
)
def test_the_forms_of_the_specifications_are_read(text: str) -> None:
    head = "/// url = \"urn:m\" // c\nuses 'urn:x' alias X as queried // doc\nlet unit = 1;\n"
    group = "group G(source src : X, target tgt) extends Y <<types>> // c\n{ // doc\n"
    tree = parse_map(f"{head}{group}{text}\n}}", "m")
    assert len(tree.group[0].rule) == 1
    assert (tree.group[0].extends, tree.group[0].type_mode) == ("Y", "types")
