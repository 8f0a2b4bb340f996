"""Maps that read and write logical models."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.parser import parse_map
from fhir_service.mapping.shapes import Shapes
from fhir_service.terminology.concept_maps import ConceptMaps

BASE = "https://example.org/StructureDefinition"


def element(path: str, *types: str, repeats: bool = False) -> dict[str, Any]:
    return {"path": path, "max": "*" if repeats else "1", "type": [{"code": code} for code in types]}


MODELS = {
    f"{BASE}/row-model": {
        "type": f"{BASE}/Row",
        "differential": {
            "element": [
                {"path": "Row"},
                element("Row.case", "BackboneElement", repeats=True),
                element("Row.case.volume", "decimal"),
                element("Row.case.sex", f"{BASE}/Word"),
                element("Row.case.when[x]", "date", "string"),
                {"path": "Row.case.part", "max": "*", "contentReference": "#Row.case"},
            ]
        },
    },
    f"{BASE}/Word": {
        "type": f"{BASE}/Word",
        "differential": {"element": [{"path": "Word"}, element("Word.text", "string"), element("Word.code", "code")]},
    },
}
URL = "https://example.org/StructureMap/rows"


def maps(rules: str, mode: str = "source : Row, target : Observation") -> MapLibrary:
    source, target = (part.split(" : ")[1] for part in mode.split(", "))
    text = f"""map "{URL}" = "rows"
    uses "{BASE}/row-model" alias Row as source
    group rows(source src : {source}, target tgt : {target}) {{
{rules}
    }}"""
    return MapLibrary({"rows": text}, ConceptMaps({}), Shapes(MODELS))


def test_elements_of_a_logical_model_have_their_types() -> None:
    rules = """src.case as c then { c.volume as v -> tgt.value = create('Quantity') as q, q.value = v;
      c.sex as s -> (s.text) as t, tgt.code = cc(t);
      c.part as p then { p.volume as v -> tgt.note as n, n.text = cast(v); }; };"""
    rows = {"case": [{"volume": Decimal("6.0"), "sex": {"text": "F"}, "part": [{"volume": Decimal("1.50")}]}]}
    found = maps(rules).transform(URL, rows)
    assert (str(found["valueQuantity"]["value"]), found["code"], found["note"]) == (
        "6.0",
        {"text": "F"},
        [{"text": "1.50"}],
    )


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("src.cases as c -> tgt.status = 'final';", "Row has no element cases"),
        ("src.case as c then { c.sex as s -> tgt.value = (s.txt); };", "Word has no element txt"),
        ("src.case as c then { c.volume as v -> tgt.value = v; };", "value may be Quantity, CodeableConcept, string"),
    ],
)
def test_a_mistake_about_a_logical_model_is_found_at_load(rules, problem) -> None:
    with pytest.raises(MappingError, match=problem) as caught:
        maps(rules)
    assert caught.value.line == 4


def test_a_choice_of_a_logical_model_is_decided_by_its_key() -> None:
    rules = "src.case as c then { c.when as w -> tgt.extension as e, e.url = 'u', e.value = w; };"
    found = maps(rules).transform(URL, {"case": [{"whenDate": "2020"}, {"whenString": "once"}]})
    assert [list(entry)[1] for entry in found["extension"]] == ["valueDate", "valueString"]


def test_a_logical_model_can_be_written() -> None:
    text = f"""map "{URL}" = "rows"
    uses "{BASE}/Row" alias Row as target
    uses "http://hl7.org/fhir/StructureDefinition/Observation" alias Observation as source
    group rows(source src : Observation, target tgt : Row) {{
      src -> tgt.case as c then {{
        src.value : Quantity as q -> c.volume = (q.value); src.status as s -> c.sex as x, x.code = s; }};
    }}"""
    library = MapLibrary({"rows": text}, ConceptMaps({}), Shapes(MODELS))
    source = {"resourceType": "Observation", "status": "final", "valueQuantity": {"value": Decimal("2.50")}}
    assert library.transform(URL, source) == {"case": [{"volume": Decimal("2.50"), "sex": {"code": "final"}}]}


PROFILES = {
    "urn:my-patient": {"kind": "resource", "derivation": "constraint", "type": "Patient"},
    "urn:my-extension": {"kind": "complex-type", "derivation": "constraint", "type": "Extension"},
    "urn:Patient": {
        "kind": "logical",
        "derivation": "specialization",
        "type": "urn:types/Patient",
        "differential": {"element": [{"path": "Patient"}, {"path": "Patient.word", "type": [{"code": "string"}]}]},
    },
}


def test_a_profile_stands_for_the_type_that_it_constrains() -> None:
    text = """map "urn:m" = "m" uses "urn:my-patient" alias Mine as target uses "urn:my-extension" alias Ext as target
    group m(source src, target tgt : Mine) {{ src -> tgt.{0} = 'x', tgt.extension as e then x(src, e); }}
    group x(source src, target e : Ext) {{ src -> e.url = 'u', e.value = 'v'; }}"""
    done = MapLibrary({"m": text.format("language")}, ConceptMaps({}), Shapes(PROFILES)).transform("urn:m", {})
    assert done == {
        "resourceType": "Patient",
        "language": "x",
        "extension": [{"url": "u", "valueString": "v"}],
    }
    with pytest.raises(MappingError, match="Patient has no element word"):
        MapLibrary({"m": text.format("word")}, ConceptMaps({}), Shapes(PROFILES))


def test_a_logical_model_with_the_name_of_a_resource_is_not_that_resource() -> None:
    text = """map "urn:m" = "m" uses "urn:Patient" alias Row as target
    group m(source src, target tgt : Row) { src -> tgt.word = 'x'; }"""
    assert MapLibrary({"m": text}, ConceptMaps({}), Shapes(PROFILES)).transform("urn:m", {}) == {"word": "x"}


def test_definitions_come_with_the_maps_that_need_them() -> None:
    text = """map "urn:m" = "m" uses "urn:my-patient" alias Mine as target
    group m(source src, target tgt : Mine) { src -> tgt.gender = 'male'; }"""
    empty = MapLibrary({}, ConceptMaps({}), Shapes())
    assert empty.with_maps([parse_map(text, "m")], definitions=PROFILES).transform("urn:m", {})["gender"] == "male"
    with pytest.raises(MappingError, match="what the map makes is not known"):
        empty.with_maps([parse_map(text, "m")]).transform("urn:m", {})
