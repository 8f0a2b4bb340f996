"""The left side of rules."""

from __future__ import annotations

from decimal import Decimal

from .conftest import URL, library, map_text

BABY = {"resourceType": "Patient", "birthDate": "2020", "_birthDate": {"extension": [{"url": "u", "valueString": "x"}]}}


def test_a_rule_runs_once_for_each_item_and_not_at_all_without_one(mapped) -> None:
    rules = "src.word as w -> tgt.name as n, n.text = w; src.none as x -> tgt.gender = x;"
    assert mapped(rules, {"word": ["a", "b"]})["name"] == [{"text": "a"}, {"text": "b"}]
    assert mapped(rules, {"word": "a"}) == {"resourceType": "Patient", "name": [{"text": "a"}]}


def test_several_sources_make_every_combination(mapped) -> None:
    rules = "src.a as a, src.b as b -> tgt.name as n, n.text = append(a, b);"
    found = mapped(rules, {"a": ["1", "2"], "b": ["x", "y"]})
    assert [name["text"] for name in found["name"]] == ["1x", "1y", "2x", "2y"]


def test_a_later_source_may_start_from_an_earlier_one(mapped) -> None:
    rules = "src.case as c, c.word as w -> tgt.name as n, n.text = w;"
    assert mapped(rules, {"case": [{"word": "a"}, {"word": ["b", "c"]}]})["name"][2] == {"text": "c"}


def test_list_modes_take_their_part_of_the_items(mapped) -> None:
    taken = {}
    for mode in ("first", "last", "not_first", "not_last"):
        found = mapped(f"src.w {mode} as w -> tgt.name as n, n.text = w;", {"w": ["a", "b", "c"]})
        taken[mode] = "".join(name["text"] for name in found["name"])
    assert taken == {"first": "a", "last": "c", "not_first": "bc", "not_last": "ab"}


def test_a_list_mode_counts_what_the_condition_left(mapped) -> None:
    rules = "src.w first as w where $this != 'a' -> tgt.name as n, n.text = w;"
    assert mapped(rules, {"w": ["a", "b", "c"]})["name"] == [{"text": "b"}]


def test_only_one_refuses_several(mapped, refused) -> None:
    rules = "src.w only_one as w -> tgt.gender = w;"
    assert mapped(rules, {"w": ["male"]})["gender"] == "male"
    assert "only one item" in refused(rules, {"w": ["male", "female"]}).problem


def test_a_cardinality_that_does_not_hold_is_an_error_with_its_place(refused) -> None:
    error = refused("  src.w 1..1 as w -> tgt.gender = w 'x';".replace("'x'", '"one sex"'), {"w": []})
    assert (error.line, error.column, error.rule, error.group) == (4, 3, "one sex", "test")
    assert "1..1 times" in error.problem
    assert "1..1" in str(refused("src.w 1..1 as w -> tgt.gender = w;", {"w": ["a", "b"]}))


def test_an_open_cardinality_accepts_any_number_from_its_minimum_on(mapped, refused) -> None:
    rules = "src.w 1..* as w -> tgt.name as n, n.text = w;"
    assert len(mapped(rules, {"w": ["a", "b"]})["name"]) == 2
    assert "1..*" in refused(rules, {}).problem


def test_a_default_stands_in_for_a_missing_item(mapped) -> None:
    rules = """src.sex default ('unknown') as s -> tgt.gender = s; src.word default "none" as w -> tgt.language = w;"""
    found = mapped(rules, {"sex": "male"})
    assert (found["gender"], found["language"]) == ("male", "none")


def test_where_sees_the_item_as_this_and_variables_by_name(mapped) -> None:
    where = "where code = %wanted and word.exists()"
    rules = f"src.want as wanted then {{ src.w as w {where} -> tgt.name as n, n.text = (w.word); }};"
    words = [{"code": "a", "word": "x"}, {"code": "b", "word": "y"}, {"code": "b"}]
    assert mapped(rules, {"want": "b", "w": words})["name"] == [{"text": "y"}]


def test_a_failed_check_is_an_error_that_names_it(refused) -> None:
    error = refused("src.w as w check $this = 'a' -> tgt.gender = w;", {"w": ["a", "b"]})
    assert error.problem == "the check failed: $this = 'a'"


def test_a_condition_that_cannot_be_evaluated_is_an_error(refused) -> None:
    error = refused("src.w as w where (a | b) -> tgt.gender = 'x' \"odd\";", {"w": {"a": "1", "b": "2"}})
    assert (error.rule, error.line) == ("odd", 4)
    assert "there are 2 items" in error.problem


def test_log_says_what_it_was_asked_and_changes_nothing(mapped) -> None:
    text = map_text("src.w as w where true log ('seen ' & $this) -> tgt.gender = w;")
    done = library(text).transform_traced(URL, {"w": "male"})
    assert (done.log, done.resource["gender"]) == (("seen male",), "male")


def test_a_choice_of_a_resource_is_read_by_its_stem_by_its_type_or_by_its_json_name(mapped) -> None:
    quantity = {"resourceType": "Observation", "valueQuantity": {"value": Decimal("8.0"), "unit": "mL"}}
    by_stem = "src.value as v then { v.unit as u -> tgt.text = u; v.coding as c -> tgt.text = 'coded'; };"
    options = {"target": "CodeableConcept", "reads": "Observation"}
    assert mapped(by_stem, quantity, **options) == {"text": "mL"}
    assert mapped("src.value : Quantity as v -> tgt.text = (v.unit);", quantity, **options) == {"text": "mL"}
    assert mapped("src.value : string as v -> tgt.text = v;", quantity, **options) == {}
    assert mapped("src.valueQuantity as v then { v.unit as u -> tgt.text = u; };", quantity, **options) == {
        "text": "mL"
    }


def test_each_type_of_a_choice_keeps_its_type(mapped) -> None:
    rules = "src.value as v -> tgt.value = v;"
    for key, value in (("valueBoolean", False), ("valueString", "x"), ("valueDateTime", "2020"), ("valueInteger", 0)):
        found = mapped(rules, {"resourceType": "Observation", key: value}, target="Observation", reads="Observation")
        assert found == {"resourceType": "Observation", key: value}


def test_resources_in_a_bundle_are_told_apart_by_type(mapped) -> None:
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"resource": {"resourceType": "Patient", "gender": "male"}},
            {"resource": {"resourceType": "Device", "distinctIdentifier": "d"}},
        ],
    }
    rules = """src.entry as e then {
      e.resource : Patient as p -> tgt.gender = (p.gender);
      e.resource as any then { any.distinctIdentifier as d -> tgt.language = d; };
    };"""
    assert mapped(rules, bundle, reads="Bundle") == {"resourceType": "Patient", "language": "d", "gender": "male"}


def test_a_source_that_the_type_lacks_is_refused_where_it_stands(refused) -> None:
    error = refused("  src.brithDate as b -> tgt.birthDate = b;", reads="Patient")
    assert (error.line, error.column) == (5, 3)
    assert error.problem == "Patient has no element brithDate"


def test_a_path_in_fhirpath_that_the_type_lacks_is_refused(refused) -> None:
    problems = {
        "src.name as n where famly = 'x' -> tgt.active = true;": "HumanName has no element famly",
        "src.name as n where given.exists() and n.famly = 'x' -> tgt.active = true;": "HumanName has no element famly",
        "src where name.where(famly = 'x').exists() -> tgt.active = true;": "HumanName has no element famly",
        "src.name as n -> tgt.language = (n.period.begin);": "Period has no element begin",
        "src.name as n -> tgt.language = evaluate(n, period.begin);": "Period has no element begin",
    }
    for rules, problem in problems.items():
        assert refused(rules, reads="Patient").problem == problem


def test_a_type_that_the_element_never_has_is_refused(refused) -> None:
    assert "never a" in refused("src.birthDate : string as b -> tgt.birthDate = b;", reads="Patient").problem
    assert "never a" in refused("src.deceased : string as b -> tgt.birthDate = b;", reads="Patient").problem


def test_a_primitive_of_a_resource_comes_with_its_extensions(mapped) -> None:
    assert mapped("src.birthDate as b -> tgt.birthDate = b;", BABY, reads="Patient") == BABY
    rules = "src.birthDate as b then { b.extension as e then { e.value : string as v -> tgt.language = v; }; };"
    assert mapped(rules, BABY, reads="Patient")["language"] == "x"
    without = {"resourceType": "Patient", "_birthDate": BABY["_birthDate"]}
    assert mapped("src.birthDate as b -> tgt.birthDate = b;", without, reads="Patient") == without


def test_content_of_the_wrong_kind_is_an_error_that_names_the_rule(refused) -> None:
    error = refused("src.case as c then { c.word as w -> tgt.gender = w; };", {"case": ["text"]})
    assert error.rule == "word-1"
    assert "'text' was found where an object with the element word is wanted" in error.problem


def test_another_resource_than_the_declared_one_is_refused(refused) -> None:
    error = refused("src.gender as g -> tgt.gender = g;", {"resourceType": "Device"}, reads="Patient")
    assert "reads a Patient, a Device was given" in error.problem


def test_a_type_on_untyped_content_passes_other_json_types_over(mapped) -> None:
    rules = "src.v : boolean as b -> tgt.deceased = b; src.v : string as s -> tgt.language = s;"
    assert mapped(rules, {"v": ["x", True]}) == {"resourceType": "Patient", "language": "x", "deceasedBoolean": True}
