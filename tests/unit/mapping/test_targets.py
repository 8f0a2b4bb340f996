"""The right side of rules."""

from __future__ import annotations

from decimal import Decimal

import pytest

SPAN = "https://example.org/span"


def test_the_type_of_the_value_picks_the_property_of_a_choice(mapped) -> None:
    made = {
        "qty('6 mL')": "valueQuantity",
        "create('Quantity')": None,
        "cc('text')": "valueCodeableConcept",
        "'text'": "valueString",
        "cast(n, 'integer')": "valueInteger",
        "true": "valueBoolean",
        "(n.exists())": "valueBoolean",
        "cast(d, 'dateTime')": "valueDateTime",
    }
    for transform, key in made.items():
        rules = f"src.n as n, src.d as d -> tgt.value = {transform};"
        found = mapped(rules, {"n": "5", "d": "2020-01"}, target="Observation")
        assert [name for name in found if name != "resourceType"] == ([key] if key else [])


def test_a_boolean_of_untyped_content_is_evident_but_a_text_is_not(mapped, refused) -> None:
    assert mapped("src.v as v -> tgt.value = v;", {"v": False}, target="Observation")["valueBoolean"] is False
    error = refused("src.v as v -> tgt.value = v;", {"v": "x"}, target="Observation")
    assert "cast(…, 'type') says it" in error.problem


def test_a_property_of_a_choice_may_be_named(mapped) -> None:
    assert mapped("src.v as v -> tgt.valueString = v;", {"v": "x"}, target="Observation")["valueString"] == "x"


def test_a_choice_takes_one_type_only(mapped, refused) -> None:
    rules = "src -> tgt.value = 'x'; src -> tgt.value = true;"
    assert "already has a value of another type" in refused(rules, target="Observation", once=True).problem
    assert mapped(rules, {}, target="Observation") == {"resourceType": "Observation", "valueBoolean": True}


def test_a_type_that_the_choice_lacks_is_refused_at_load(refused) -> None:
    error = refused("  src -> tgt.effective = 'x';", target="Observation")
    assert (error.line, error.column) == (4, 10)
    assert "effective may be dateTime, Period, Timing, instant, not string" in error.problem


def test_a_choice_is_not_opened_without_a_type(refused) -> None:
    assert "say create('Type')" in refused("src -> tgt.value as v;", target="Observation").problem


def test_repeating_elements_append_and_single_ones_are_opened_again(mapped) -> None:
    rules = """src -> tgt.code as c, c.text = 'a'; src -> tgt.code as c, c.coding as k, k.code = 'b';
    src -> tgt.note as n, n.text = '1'; src -> tgt.note as n, n.text = '2';"""
    found = mapped(rules, {}, target="Observation")
    assert found["code"] == {"coding": [{"code": "b"}], "text": "a"}
    assert found["note"] == [{"text": "1"}, {"text": "2"}]


def test_another_value_for_a_single_element_takes_the_place_of_the_first(mapped) -> None:
    assert mapped("src -> tgt.gender = 'male'; src -> tgt.gender = 'female';", {})["gender"] == "female"
    rules = "src -> tgt.code = cc('s', 'a') as c; src -> tgt.code = cc('x');"
    assert mapped(rules, {}, target="Observation")["code"] == {"text": "x"}
    rules = "src -> tgt.birthDate = '2020' as b then { src -> b.id = 'i'; }; src -> tgt.birthDate = '2021';"
    assert mapped(rules, {}) == {"resourceType": "Patient", "birthDate": "2021", "_birthDate": {"id": "i"}}


def test_where_a_map_says_so_a_single_element_takes_one_value(mapped, refused) -> None:
    error = refused("src -> tgt.gender = 'male'; src -> tgt.gender = 'female' \"again\";", once=True)
    assert (error.rule, error.problem) == ("again", "Patient.gender is 'male' already, it cannot become 'female'")
    assert mapped("src -> tgt.gender = 'male'; src -> tgt.gender = 'male';", {})["gender"] == "male"
    assert "already" in refused("src.a -> tgt.code = cc('x');", {"a": [1, 2]}, target="Observation", once=True).problem


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("  src -> tgt.brithDate = '2020';", "Patient has no element brithDate"),
        ("  src -> tgt.name as n, n.first = 'x';", "HumanName has no element first"),
        ("  src -> tgt.active = 'yes';", "'yes' was given where a boolean is wanted"),
        ("  src -> tgt.name = 'x';", "a string was given where name wants a HumanName"),
        ("  src -> tgt.birthDate = create('Period');", "a Period was given where birthDate wants a date"),
        ("  src -> src.a = 'x';", "src is a source, it cannot be written to"),
        ("  src -> other.a = 'x';", "there is no variable other here; known are src, tgt"),
        ("  src -> tgt = 'x';", "name the element of tgt that is to be written"),
        ("  src -> tgt.gender = create('Nothing');", "there is no type Nothing; declare it with uses"),
        ("  src -> tgt.contained as c;", "contained is a Resource: say create('Type')"),
        ("  src -> tgt.gender = 'male' first;", "gender does not repeat: it has no first or last"),
    ],
)
def test_what_cannot_be_written_is_refused_at_load_with_line_and_column(refused, rules, problem) -> None:
    error = refused(rules)
    assert problem in error.problem
    assert error.line == 4
    assert error.column > 3


def test_extensions_of_a_primitive_stand_beside_it_with_or_without_a_value(mapped) -> None:
    extend = f"bd.extension as e, e.url = '{SPAN}', e.value = 'why'"
    beside = {"extension": [{"url": SPAN, "valueString": "why"}]}
    without = mapped(f"src -> tgt.birthDate as bd then {{ src -> {extend}; }};", {})
    assert without == {"resourceType": "Patient", "_birthDate": beside}
    rules = f"src.d as d -> tgt.birthDate = d as bd then {{ src -> {extend}; }};"
    assert mapped(rules, {"d": "2020"}) == {"resourceType": "Patient", "birthDate": "2020", "_birthDate": beside}


def test_a_primitive_can_be_opened_before_or_after_it_gets_its_value(mapped) -> None:
    extend = f"src -> tgt.birthDate as bd, bd.extension as e, e.url = '{SPAN}', e.value = 'why';"
    set_it = "src -> tgt.birthDate = '2020';"
    for rules in (extend + set_it, set_it + extend, extend.replace("birthDate as bd", "birthDate as bd, bd = '2020'")):
        found = mapped(rules, {})
        assert found["birthDate"] == "2020"
        assert found["_birthDate"]["extension"][0]["url"] == SPAN


def test_a_primitive_of_a_choice_is_created_to_carry_extensions(mapped) -> None:
    rules = f"src -> tgt.effective = create('dateTime') as e then {{ src -> e.extension as x, x.url = '{SPAN}'; }};"
    found = mapped(rules, {}, target="Observation")
    assert found == {"resourceType": "Observation", "_effectiveDateTime": {"extension": [{"url": SPAN}]}}


def test_primitives_in_lists_keep_their_extensions_in_step(mapped) -> None:
    rules = f"""src -> tgt.name as n then {{
      src -> n.given = 'A'; src -> n.given as g, g.extension as e, e.url = '{SPAN}'; src -> n.given as none; }};"""
    name = mapped(rules, {})["name"][0]
    assert name == {"given": ["A", None], "_given": [None, {"extension": [{"url": SPAN}]}]}


def test_what_stays_empty_is_not_written(mapped) -> None:
    rules = "src -> tgt.name as n, n.period as p; src -> tgt.contact as c then { src.none as x -> c.gender = x; };"
    assert mapped(rules, {}) == {"resourceType": "Patient"}


def test_elements_come_out_in_the_order_of_fhir(mapped) -> None:
    rules = "src -> tgt.gender = 'male', tgt.name as n, n.given = 'G', n.family = 'F', n.use = 'usual', tgt.id = 'x';"
    found = mapped(rules, {})
    assert list(found) == ["resourceType", "id", "name", "gender"]
    assert list(found["name"][0]) == ["use", "family", "given"]


def test_numbers_come_out_as_they_went_in(mapped) -> None:
    rules = "src.v as v -> tgt.value = create('Quantity') as q, q.value = v;"
    for number in (Decimal("8.0"), Decimal("1.10"), Decimal("1E+2"), 8, Decimal("0.00")):
        value = mapped(rules, {"v": number}, target="Observation")["valueQuantity"]["value"]
        assert (str(value), type(value)) == (str(number), type(number))


def test_rules_that_share_a_name_write_to_one_item_in_each_call_of_the_group(mapped) -> None:
    rules = "src.person as p -> tgt as t then one(p, t);"
    more = """group one(source p, target t : Patient) {
      p.last as l -> t.name as n share whole, n.family = l;
      p.first as f -> t.name as n share whole, n.given = f; }"""
    people = {"person": [{"last": "A", "first": ["B", "C"]}, {"first": "D"}]}
    assert mapped(rules, people, more=more)["name"] == [{"family": "A", "given": ["B", "C"]}, {"given": ["D"]}]


def test_sharing_inside_a_rule_ends_with_each_item(mapped) -> None:
    rules = """src.person as p then {
      p.last as l -> tgt.name as n share whole, n.family = l;
      p.first as f -> tgt.name as n share whole, n.given = f; };"""
    people = {"person": [{"last": "A", "first": "B"}, {"last": "C", "first": "D"}]}
    assert mapped(rules, people)["name"] == [{"family": "A", "given": ["B"]}, {"family": "C", "given": ["D"]}]


def test_first_last_and_single_say_where_in_the_list_an_item_goes(mapped, refused) -> None:
    rules = """src -> tgt.name as n last, n.text = 'z'; src -> tgt.name as n, n.text = 'm';
    src -> tgt.name as n first, n.text = 'a'; src -> tgt.name as n single, n.use = 'old';"""
    assert mapped(rules, {})["name"] == [{"text": "a"}, {"text": "m"}, {"use": "old", "text": "z"}]
    assert "has a first item already" in refused("src.w -> tgt.name as n first;", {"w": ["a", "b"]}).problem
    rules = "src.w as w -> tgt.name as n collate, n.given = w; src -> tgt.name as n, n.text = 'b';"
    again = rules + "src -> tgt.name as n collate, n.use = 'usual';"
    assert mapped(again, {"w": ["a", "b"]})["name"] == [{"use": "usual", "given": ["a", "b"]}, {"text": "b"}]


def test_nothing_is_written_below_a_transform_that_gave_nothing(mapped) -> None:
    translated = "translate(x, 'https://example.org/ConceptMap/levels', 'CodeableConcept')"
    rules = f"src.x as x -> tgt.maritalStatus = {translated} as c then {{ src -> c.text = 'never'; }};"
    assert mapped(rules, {"x": "L9"}) == {"resourceType": "Patient"}


def test_a_resource_can_be_made_inside_a_bundle(mapped) -> None:
    rules = "src.p as p -> tgt.entry as e, e.resource = create('Patient') as r, r.id = 'p1', e.fullUrl = pointer(r);"
    found = mapped(rules, {"p": {}}, target="Bundle")
    assert found["entry"] == [{"fullUrl": "urn:uuid:p1", "resource": {"resourceType": "Patient", "id": "p1"}}]


def test_an_object_of_the_source_is_copied_as_the_type_of_the_element(mapped, refused) -> None:
    rules = "src.q as q -> tgt.valueQuantity = q;"
    found = mapped(rules, {"q": {"unit": "mL", "value": Decimal("6.0")}}, target="Observation")["valueQuantity"]
    assert (list(found), str(found["value"])) == (["value", "unit"], "6.0")
    assert "Quantity has no element units" in refused(rules, {"q": {"units": "mL"}}, target="Observation").problem
    assert (
        "Quantity.unit is a single element" in refused(rules, {"q": {"unit": ["a", "b"]}}, target="Observation").problem
    )


def test_a_primitive_becomes_what_the_element_wants_where_its_text_is_one(mapped, refused) -> None:
    rules = "src.t as x -> tgt.language = x; src.b as x -> tgt.active = x; src.n as x -> tgt.multipleBirthInteger = x;"
    assert mapped(rules, {"t": Decimal("5.0"), "b": "true", "n": "2"}) == {
        "resourceType": "Patient",
        "language": "5.0",
        "active": True,
        "multipleBirthInteger": 2,
    }
    assert "an object was given where a text" in refused("src.g as g -> tgt.gender = g;", {"g": {}}).problem
    assert "'yes' was given where a boolean" in refused("src.g as g -> tgt.active = g;", {"g": "yes"}).problem
    assert "integer is wanted" in refused("src.g as g -> tgt.multipleBirthInteger = g;", {"g": Decimal("1.5")}).problem


def test_the_source_is_left_as_it_was_and_not_shared_with_the_output(mapped) -> None:
    source = {"q": {"value": 1, "extension": [{"url": "u", "valueString": "x"}]}}
    found = mapped("src.q as q -> tgt.valueQuantity = q;", source, target="Observation")
    found["valueQuantity"]["extension"].clear()
    assert source["q"]["extension"] == [{"url": "u", "valueString": "x"}]


def test_the_value_of_a_primitive_is_written_as_the_maps_of_hl7_write_it(mapped) -> None:
    groups = """
group text(source s : string, target t : string) extends element <<type+>> { s.value as v -> t.value = v; }
group element(source s : Element, target t : Element) { s.id -> t.id; s.extension -> t.extension; }"""
    name = {"family": "Ito", "_family": {"id": "f", "extension": [{"url": "u", "valueBoolean": True}]}}
    rules = "src.name as n -> tgt.name as m then { n.family -> m.family; };"
    found = mapped(rules, {"resourceType": "Patient", "name": [name]}, reads="Patient", more=groups)
    assert found["name"] == [name]
    rules = "src -> tgt.extension as e, e.value = create('code') as c, c.value = 'unknown';"
    assert mapped(rules, {})["extension"] == [{"valueCode": "unknown"}]
