"""Maps from a form to resources, as suites of the mapping language hold them: what each makes, in every detail.

Decided by the specification of R4 and by what the HL7 reference engine is written to do.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.shapes import Shapes
from fhir_service.terminology.concept_maps import ConceptMaps

from .conftest import FHIR

FORM = {
    "resourceType": "QuestionnaireResponse",
    "id": "form-1",
    "status": "completed",
    "subject": {"reference": "Patient/7"},
    "item": [
        {
            "linkId": "person",
            "item": [
                {"linkId": "last", "answer": [{"valueString": "Ito"}]},
                {"linkId": "first", "answer": [{"valueString": "Aki"}, {"valueString": "Ren"}]},
                {"linkId": "sex", "answer": [{"valueCoding": {"system": "urn:sex", "code": "W", "display": "Frau"}}]},
                {"linkId": "born", "answer": [{"valueDate": "1950-02-03"}]},
                {"linkId": "dead", "answer": [{"valueDateTime": "2020-01-01"}]},
                {"linkId": "weight", "answer": [{"valueQuantity": {"value": Decimal("61.50"), "unit": "kg"}}]},
                {"linkId": "active", "answer": [{"valueBoolean": True}]},
                {"linkId": "children", "answer": [{"valueInteger": 2}]},
            ],
        }
    ],
}


def transformed(rules: str, target: str = "Patient", more: str = "", head: str = "") -> dict[str, Any]:
    """Rules of a group that is called with every item of the person and with the target."""
    text = f"""map "urn:m" = "m"
    {head}
    uses "{FHIR}QuestionnaireResponse" alias QR as source
    uses "{FHIR}{target}" alias {target} as target
    group Main(source src : QR, target tgt : {target}) {{
      src.item as person then Person(person, tgt);
    }}
    group Person(source src, target tgt) {{
      {rules}
    }}
    {more}"""
    library = MapLibrary({"m": text}, ConceptMaps({}), Shapes())
    found = library.transform("urn:m", json.loads(json.dumps(FORM, default=str)) | FORM)
    assert found.pop("resourceType") == target
    return found


def test_answers_are_read_by_the_name_of_the_choice_and_by_its_json_name() -> None:
    rules = """src.item as i where linkId = 'last' -> tgt.name as n, n.family = (i.answer.value);
    src.item as i where linkId.value = 'born' -> tgt.birthDate = (i.answer.valueDate);
    src.item as i where i.linkId = 'sex' -> tgt.gender = (i.answer.value.code);
    src.item as i where linkId = 'active' -> tgt.active = (i.answer.value);"""
    assert transformed(rules) == {
        "active": True,
        "name": [{"family": "Ito"}],
        "gender": "W",
        "birthDate": "1950-02-03",
    }


def test_the_type_of_an_answer_picks_the_property_of_a_choice() -> None:
    rules = """src.item as i where linkId = 'dead' -> tgt.deceased = (i.answer.value);
    src.item as i where linkId = 'children' then { i.answer as a then { a.value as v -> tgt.multipleBirth = v; }; };"""
    assert transformed(rules) == {"deceasedDateTime": "2020-01-01", "multipleBirthInteger": 2}
    rules = "src.item as i where linkId = '{0}' -> tgt.value = (i.answer.value);"
    for name in ("weight", "sex", "last", "active"):
        key, value = next(iter(next(i for i in FORM["item"][0]["item"] if i["linkId"] == name)["answer"][0].items()))
        if name != "sex":
            assert transformed(rules.replace("{0}", name), "Observation") == {key: value}
    with pytest.raises(MappingError, match="not Coding"):
        transformed(rules.replace("{0}", "sex"), "Observation")


def test_several_answers_are_an_error_where_one_value_is_made_and_items_where_they_are_gone_through() -> None:
    with pytest.raises(MappingError, match="2 items where one is wanted"):
        transformed("src.item as i where linkId = 'first' -> tgt.name as n, n.given = (i.answer.value);")
    rules = """src.item as i where linkId = 'first' -> tgt.name as n then {
      i.answer as a then { a.value : string as v -> n.given = v; }; };"""
    assert transformed(rules) == {"name": [{"given": ["Aki", "Ren"]}]}


def test_a_source_type_passes_over_answers_of_other_types() -> None:
    rules = "src.item as i then { i.answer as a then { a.value : date as v -> tgt.birthDate = v; }; };"
    assert transformed(rules) == {"birthDate": "1950-02-03"}


def test_an_embedded_concept_map_translates_a_coding_and_a_code() -> None:
    head = (
        'conceptmap "#s" { prefix s = "urn:sex" prefix t = "http://hl7.org/fhir/administrative-gender" s:W - t:female }'
    )
    rules = """src.item as i where linkId = 'sex' then { i.answer as a then {
      a.value : Coding as c then { c.code as k -> tgt.gender = translate(k, '#s', 'code');
        c -> tgt.maritalStatus = translate(c, '#s', 'CodeableConcept');
        c -> tgt.language = translate(c, '#s'); }; }; };"""
    found = transformed(rules, head=head)
    system = "http://hl7.org/fhir/administrative-gender"
    assert (found["gender"], found["language"]) == ("female", "female")
    assert found["maritalStatus"] == {"coding": [{"system": system, "code": "female"}]}


def test_a_shared_name_collects_what_several_rules_write() -> None:
    rules = """src.item as i where linkId = 'last' -> tgt.name as n share one, n.family = (i.answer.value);
    src.item as i where linkId = 'first' -> tgt.name as n share one then { i.answer as a then {
      a.value : string as v -> n.given = v; }; };"""
    assert transformed(rules) == {"name": [{"family": "Ito", "given": ["Aki", "Ren"]}]}


def test_groups_for_types_carry_on_and_objects_are_copied_whole() -> None:
    rules = "src.item as i where linkId = 'weight' then { i.answer as a -> tgt.component as c then Part(a, c); };"
    more = """group Part(source a, target c) {
      a.value : Quantity as q -> c.value = create('Quantity') as v then Copy(q, v);
      a.valueQuantity -> c.extension as e, e.url = 'u' then { a.value : Quantity as q -> e.value = q; }; }
    group Copy(source s : Quantity, target t : Quantity) <<type+>> { s.value -> t.value; s.unit -> t.unit; }"""
    weight = {"value": Decimal("61.50"), "unit": "kg"}
    assert transformed(rules, "Observation", more) == {
        "component": [{"extension": [{"url": "u", "valueQuantity": weight}], "valueQuantity": weight}]
    }


def test_a_bundle_holds_resources_that_point_at_one_another() -> None:
    rules = """src -> tgt.type = 'collection', tgt.entry as a, a.resource = create('Patient') as p, p.id = 'p1',
      a.fullUrl = pointer(p), tgt.entry as b, b.resource = create('Observation') as o, o.status = 'final',
      o.subject as s, s.reference = reference(p), o.contained = create('Device') as d, d.id = 'd',
      o.code = cc('urn:s', 'c', 'shown'), o.identifier = id('urn:i', '5'), o.value = qty('< 5.10 mg');"""
    assert transformed(rules, "Bundle") == {
        "type": "collection",
        "entry": [
            {"fullUrl": "urn:uuid:p1", "resource": {"resourceType": "Patient", "id": "p1"}},
            {
                "resource": {
                    "resourceType": "Observation",
                    "contained": [{"resourceType": "Device", "id": "d"}],
                    "identifier": [{"system": "urn:i", "value": "5"}],
                    "status": "final",
                    "code": {"coding": [{"system": "urn:s", "code": "c", "display": "shown"}]},
                    "subject": {"reference": "Patient/p1"},
                    "valueQuantity": {"value": Decimal("5.10"), "comparator": "<", "unit": "mg"},
                }
            },
        ],
    }


def test_a_whole_resource_is_copied_as_it_came() -> None:
    text = f"""map "urn:m" = "m" uses "{FHIR}Patient" alias Patient as source uses "{FHIR}Bundle" alias Bundle as target
    group Main(source src : Patient, target tgt : Bundle) {{ src -> tgt.entry as e, e.resource = src; }}"""
    patient = {"resourceType": "Patient", "active": True, "_birthDate": {"extension": [{"url": "u", "valueCode": "c"}]}}
    found = MapLibrary({"m": text}, ConceptMaps({}), Shapes()).transform("urn:m", patient)
    assert found == {"resourceType": "Bundle", "entry": [{"resource": patient}]}


def test_texts_are_made_of_answers() -> None:
    rules = """src.item as i where linkId = 'last' then { i.answer as a then { a.value : string as v -> tgt.name as n,
      n.family = truncate(v, 2), n.text = append('Dr. ', v, ' ', i.linkId), n.given = escape(v, 'plain', 'xml'); }; };
    src.item as i where linkId = 'children' then { i.answer as a then { a.value : integer as v
      -> tgt.language = cast(v, 'string'), tgt.multipleBirth = cast('3', 'integer'); }; };"""
    assert transformed(rules) == {
        "language": "2",
        "name": [{"text": "Dr. Ito last", "family": "It", "given": ["Ito"]}],
        "multipleBirthInteger": 3,
    }


def test_list_modes_of_sources_pick_items() -> None:
    rules = "src.item {0} as i -> tgt.name as n, n.text = (i.linkId);"
    names = [item["linkId"] for item in FORM["item"][0]["item"]]
    for mode, wanted in {
        "first": names[:1],
        "last": names[-1:],
        "not_first": names[1:],
        "not_last": names[:-1],
    }.items():
        assert [name["text"] for name in transformed(rules.replace("{0}", mode))["name"]] == wanted
    with pytest.raises(MappingError, match="only one item may be here"):
        transformed(rules.replace("{0}", "only_one"))


def test_a_default_stands_in_where_there_is_nothing() -> None:
    assert transformed("src.text default 'unknown' as t -> tgt.language = t;") == {"language": "unknown"}


def test_a_source_whose_type_is_not_known_here_is_read_by_its_resource_type() -> None:
    text = f"""map "urn:m" = "m" uses "{FHIR}Patient" alias Patient as target
    group Main(source src, target tgt : Patient) {{
      src.item as p then {{ p.item as i then {{ i.answer as a then {{
        a.value : date as v -> tgt.birthDate = v; }}; }}; }};
      src.nothing as x -> tgt.gender = x; }}"""
    found = MapLibrary({"m": text}, ConceptMaps({}), Shapes()).transform("urn:m", FORM)
    assert found == {"resourceType": "Patient", "birthDate": "1950-02-03"}
