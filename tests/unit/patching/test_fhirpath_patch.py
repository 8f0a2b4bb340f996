"""FHIRPath Patch: what each operation does to the JSON, and why one cannot be done."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.fhir.errors import MalformedContent, UnprocessableContent
from fhir_service.fhir.json_text import encode, exact_value
from fhir_service.fhir.parameters import Parameter, Parameters, read_parameters
from fhir_service.patching import selecting
from fhir_service.patching.fhirpath_patch import fhirpath_patch
from fhir_service.validation.structure import findings

PATIENT = (
    b'{"resourceType":"Patient","id":"p","active":true,"name":[{"family":"One","given":["A","B"],'
    b'"_given":[null,{"extension":[{"url":"http://e","valueCode":"x"}]}]},{"use":"old","family":"Two"}],'
    b'"birthDate":"1930-01-01","_birthDate":{"id":"b"},"contact":[{"name":{"text":"C"},"gender":"male"}],'
    b'"identifier":[{"system":"s","value":"1"},{"system":"t","value":"2"},{"system":"u","value":"3"}]}'
)
OBSERVATION = (
    b'{"resourceType":"Observation","id":"o","status":"final","valueQuantity":{"value":1.10,"unit":"mL"},'
    b'"code":{"text":"volume"},"component":[{"code":{"text":"c"},"valueString":"x"}]}'
)

Json = dict[str, Any]


def part(name: str, **value: Any) -> Json:
    return {"name": name, **value}


def operation(kind: str, path: str, *parts: Json) -> Json:
    return part("operation", part=[part("type", valueCode=kind), part("path", valueString=path), *parts])


def add(path: str, name: str, **value: Any) -> Json:
    return operation("add", path, part("name", valueString=name), part("value", **value))


def insert(path: str, index: int, **value: Any) -> Json:
    return operation("insert", path, part("index", valueInteger=index), part("value", **value))


def replace(path: str, **value: Any) -> Json:
    return operation("replace", path, part("value", **value))


def delete(path: str) -> Json:
    return operation("delete", path)


def move(path: str, source: int, destination: int) -> Json:
    ends = (part("source", valueInteger=source), part("destination", valueInteger=destination))
    return operation("move", path, *ends)


def read(*operations: Json) -> Parameters:
    sent = {"resourceType": "Parameters", "parameter": list(operations)}
    return read_parameters(encode(sent))


def after(resource: bytes, *operations: Json) -> Any:
    return fhirpath_patch(read(*operations)).applied(exact_value(resource))


def members(resource: bytes, *operations: Json) -> Any:
    """What the operations make, where that is valid."""
    made = after(resource, *operations)
    assert findings(made) == []
    return made


@pytest.mark.rule("FPP-1", "FPP-2")
class TestAdd:
    def test_an_element_that_is_not_there(self) -> None:
        made = members(PATIENT, add("Patient", "gender", valueCode="female"))
        assert made["gender"] == "female"
        assert encode(made) == PATIENT[:-1] + b',"gender":"female"}'

    def test_behind_the_others_of_a_list(self) -> None:
        made = members(PATIENT, add("Patient", "identifier", valueIdentifier={"value": "4"}))
        assert [one["value"] for one in made["identifier"]] == ["1", "2", "3", "4"]

    def test_a_primitive_of_a_list_keeps_those_with_extensions_in_step(self) -> None:
        made = members(PATIENT, add("Patient.name[0]", "given", valueString="C"))
        assert made["name"][0]["given"] == ["A", "B", "C"]
        assert made["name"][0]["_given"] == [None, {"extension": [{"url": "http://e", "valueCode": "x"}]}, None]

    def test_a_primitive_with_an_extension_of_its_own(self) -> None:
        value = {"valueString": "C", "_valueString": {"id": "c"}}
        made = members(PATIENT, add("Patient.name[1]", "given", **value))
        assert (made["name"][1]["given"], made["name"][1]["_given"]) == (["C"], [{"id": "c"}])

    def test_an_extension_of_a_primitive(self) -> None:
        parts = [part("url", valueUri="http://x"), part("value", valueDecimal=1)]
        made = members(PATIENT, add("Patient.birthDate", "extension", part=parts))
        assert made["_birthDate"] == {"id": "b", "extension": [{"url": "http://x", "valueDecimal": 1}]}
        made = members(PATIENT, add("Patient.active", "extension", part=parts))
        assert made["_active"] == {"extension": [{"url": "http://x", "valueDecimal": 1}]}

    @pytest.mark.parametrize("name", ["value", "value[x]", "valueString"])
    def test_a_choice_takes_the_name_of_the_type(self, name: str) -> None:
        made = members(OBSERVATION, delete("Observation.value"), add("Observation", name, valueString="none"))
        assert made["valueString"] == "none"
        assert "valueQuantity" not in made

    @pytest.mark.rule("FPP-7")
    def test_a_backbone_element_in_parts(self) -> None:
        name = part("name", part=[part("text", valueString="D"), part("given", valueString="x")])
        name["part"].append(part("given", valueString="y"))
        parts = [name, part("gender", valueCode="other"), part("period", valuePeriod={"start": "2020"})]
        made = members(PATIENT, add("Patient", "contact", part=parts))
        assert made["contact"][1] == {
            "name": {"text": "D", "given": ["x", "y"]},
            "gender": "other",
            "period": {"start": "2020"},
        }

    @pytest.mark.rule("FPP-7")
    def test_parts_in_parts_with_a_choice(self) -> None:
        parts = [
            part("code", part=[part("text", valueString="c2")]),
            part("value", valueInteger=3),
            part("referenceRange", part=[part("text", valueString="r")]),
        ]
        made = members(OBSERVATION, add("Observation", "component", part=parts))
        assert made["component"][1] == {
            "code": {"text": "c2"},
            "valueInteger": 3,
            "referenceRange": [{"text": "r"}],
        }

    def test_a_contained_resource(self) -> None:
        made = members(
            PATIENT,
            add("Patient", "contained", resource={"resourceType": "Organization", "id": "org", "name": "N"}),
            add("Patient", "managingOrganization", valueReference={"reference": "#org"}),
            replace("Patient.contained.where(id = 'org').name", valueString="M"),
        )
        assert made["contained"] == [{"resourceType": "Organization", "id": "org", "name": "M"}]

    def test_a_narrative_in_parts(self) -> None:
        div = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
        parts = [part("status", valueCode="generated"), part("div", valueString=div)]
        assert members(PATIENT, add("Patient", "text", part=parts))["text"] == {"status": "generated", "div": div}

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            (add("Patient", "birthDate", valueDate="1931-01-01"), "is there already"),
            (add("Patient", "deceased", valueString="yes"), "valueBoolean or valueDateTime"),
            (add("Patient", "gender", valueString="female"), "as valueCode, not as valueString"),
            (add("Patient", "gendre", valueCode="female"), "has no element 'gendre'"),
            (add("Patient", "contact", valueString="x"), "parts, one for each child"),
            (add("Patient", "deceased", part=[part("x", valueString="y")]), "not as parts"),
            (add("Patient", "name", resource={"resourceType": "Patient"}), "not as resource"),
            (add("Patient", "name"), "the value is empty"),
            (add("Patient", "gender", valueCode="male", part=[part("x", valueCode="y")]), "in more than one way"),
            (add("Patient", "contained", valueString="x"), "not as valueString"),
            (add("Patient.name", "given", valueString="x"), "it selects 2"),
            (add("Patient.telecom", "value", valueString="x"), "it selects none"),
            (add("Patient", "contact", part=[part("nome", valueString="x")]), "has no element 'nome'"),
            (
                add("Patient", "contact", part=[part("gender", valueCode="male"), part("gender", valueCode="male")]),
                "is there already",
            ),
            (add("Patient.birthDate", "value", valueDate="1931"), "has no element 'value'"),
        ],
    )
    @pytest.mark.rule("FPP-5")
    def test_what_cannot_be_added(self, sent: Json, said: str) -> None:
        refused(PATIENT, sent, said)

    def test_a_choice_that_is_made_already(self) -> None:
        refused(OBSERVATION, add("Observation", "value", valueString="x"), "is there already")

    def test_parts_for_a_choice_of_several_types(self) -> None:
        sent = add("Observation", "effective", part=[part("start", valueDateTime="2020")])
        refused(OBSERVATION, sent, "can be of several types")
        named = add("Observation", "effectivePeriod", part=[part("start", valueDateTime="2020")])
        assert members(OBSERVATION, named)["effectivePeriod"] == {"start": "2020"}


def refused(resource: bytes, sent: Json, said: str) -> None:
    with pytest.raises(UnprocessableContent) as caught:
        after(resource, delete("Patient.photo") if b"Patient" in resource else delete("Observation.note"), sent)
    assert said in str(caught.value)
    assert str(caught.value).startswith("operation 1 of the patch (")
    assert caught.value.issues[0].expression == ("Parameters.parameter[1]",)


@pytest.mark.rule("FPP-3")
class TestInsertAndMove:
    @pytest.mark.parametrize(
        ("index", "expected"), [(0, "x123"), (1, "1x23"), (2, "12x3"), (3, "123x")], ids=["0", "1", "2", "3"]
    )
    def test_insert_before_the_index(self, index: int, expected: str) -> None:
        made = members(PATIENT, insert("Patient.identifier", index, valueIdentifier={"value": "x"}))
        assert "".join(one["value"] for one in made["identifier"]) == expected

    def test_insert_into_a_list_that_is_not_there(self) -> None:
        made = members(PATIENT, insert("Patient.telecom", 0, valueContactPoint={"value": "x"}))
        assert made["telecom"] == [{"value": "x"}]

    def test_insert_among_primitives_keeps_their_extensions_with_them(self) -> None:
        made = members(PATIENT, insert("Patient.name[0].given", 1, valueString="x"))
        assert made["name"][0]["given"] == ["A", "x", "B"]
        assert [bool(beside) for beside in made["name"][0]["_given"]] == [False, False, True]

    @pytest.mark.parametrize(
        ("source", "destination", "expected"),
        [(0, 0, "123"), (0, 2, "231"), (2, 0, "312"), (1, 2, "132"), (1, 0, "213")],
    )
    def test_move_within_the_list(self, source: int, destination: int, expected: str) -> None:
        made = members(PATIENT, move("Patient.identifier", source, destination))
        assert "".join(one["value"] for one in made["identifier"]) == expected

    def test_move_takes_the_extension_of_a_primitive_along(self) -> None:
        name = members(PATIENT, move("Patient.name[0].given", 1, 0))["name"][0]
        assert name["given"] == ["B", "A"]
        assert [bool(beside) for beside in name["_given"]] == [True, False]

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            (insert("Patient.identifier", 4, valueIdentifier={"value": "x"}), "has to be 0 to 3"),
            (insert("Patient.identifier", -1, valueIdentifier={"value": "x"}), "has to be 0 to 3"),
            (insert("Patient.identifier", 0, valueString="x"), "as valueIdentifier, not as valueString"),
            (insert("Patient.birthDate", 0, valueDate="2020"), "is no list"),
            (insert("Patient", 0, valueString="x"), "end in the name of a list"),
            (insert("Patient.name.first()", 0, valueHumanName={"text": "x"}), "end in the name of a list"),
            (insert("Patient.name.given", 0, valueString="x"), "the path selects 2"),
            (insert("Patient.nothing", 0, valueString="x"), "has no element 'nothing'"),
            (move("Patient.identifier", 3, 0), "source is 3"),
            (move("Patient.identifier", 0, 3), "destination is 3"),
            (move("Patient.identifier", -1, 0), "source is -1"),
            (move("Patient.telecom", 0, 0), "which has 0 items"),
        ],
    )
    @pytest.mark.rule("FPP-5")
    def test_what_cannot_be_inserted_or_moved(self, sent: Json, said: str) -> None:
        refused(PATIENT, sent, said)


@pytest.mark.rule("FPP-4")
class TestReplaceAndDelete:
    def test_a_primitive_goes_with_what_stands_beside_it(self) -> None:
        made = members(PATIENT, replace("Patient.birthDate", valueDate="1931"))
        assert made["birthDate"] == "1931"
        assert "_birthDate" not in made
        made = members(
            PATIENT, replace("Patient.birthDate", _valueDate={"extension": [{"url": "u", "valueCode": "x"}]})
        )
        assert "birthDate" not in made
        assert made["_birthDate"]["extension"][0]["url"] == "u"

    def test_one_of_a_list_of_primitives(self) -> None:
        name = members(PATIENT, replace("Patient.name[0].given[1]", valueString="Z"))["name"][0]
        assert name["given"] == ["A", "Z"]
        assert "_given" not in name

    def test_a_choice_changes_its_type_and_keeps_its_place(self) -> None:
        made = members(OBSERVATION, replace("Observation.value", valueString="none"))
        assert list(made) == ["resourceType", "id", "status", "valueString", "code", "component"]
        assert made["valueString"] == "none"

    def test_the_rest_keeps_its_digits(self) -> None:
        made = after(OBSERVATION, replace("Observation.component.value", valueDateTime="2020"))
        assert b'"valueQuantity":{"value":1.10,"unit":"mL"}' in encode(made)
        assert made["component"] == [{"code": {"text": "c"}, "valueDateTime": "2020"}]

    def test_below_a_choice(self) -> None:
        made = members(OBSERVATION, replace("Observation.value.ofType(Quantity).unit", valueString="cm3"))
        assert made["valueQuantity"]["unit"] == "cm3"
        assert members(OBSERVATION, replace("(Observation.value as Quantity).unit", valueString="l"))

    def test_a_whole_backbone_element(self) -> None:
        made = members(PATIENT, replace("Patient.contact[0]", part=[part("gender", valueCode="other")]))
        assert made["contact"] == [{"gender": "other"}]

    def test_delete_takes_one_element_away(self) -> None:
        assert "birthDate" not in members(PATIENT, delete("Patient.birthDate"))
        assert "_birthDate" not in members(PATIENT, delete("Patient.birthDate"))
        assert [one["value"] for one in members(PATIENT, delete("Patient.identifier[1]"))["identifier"]] == ["1", "3"]
        assert "contact" not in members(PATIENT, delete("Patient.contact"))

    def test_delete_of_what_is_not_there_changes_nothing(self) -> None:
        assert encode(after(PATIENT, delete("Patient.gender"), delete("Patient.name[7].use"))) == PATIENT

    def test_what_is_emptied_goes_too(self) -> None:
        made = members(PATIENT, delete("Patient.contact.gender"), delete("Patient.contact.name.text"))
        assert "contact" not in made
        made = members(PATIENT, delete("Patient.name[1].use"), delete("Patient.name[1].family"))
        assert [name["family"] for name in made["name"]] == ["One"]

    def test_what_is_emptied_and_filled_again_stays(self) -> None:
        gone = (delete("Patient.contact.gender"), delete("Patient.contact.name"))
        made = members(PATIENT, *gone, add("Patient.contact", "gender", valueCode="other"))
        assert made["contact"] == [{"gender": "other"}]

    def test_the_last_extension_of_a_primitive(self) -> None:
        name = members(PATIENT, delete("Patient.name[0].given[1].extension('http://e')"))["name"][0]
        assert name["given"] == ["A", "B"]
        assert "_given" not in name

    def test_a_primitive_that_was_only_an_extension_leaves_no_gap(self) -> None:
        sent = b'{"resourceType":"Patient","name":[{"given":["A",null],"_given":[null,{"id":"x"}]}]}'
        assert members(sent, delete("Patient.name.given[1].id"))["name"] == [{"given": ["A"]}]

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            (delete("Patient"), "the whole cannot be deleted"),
            (delete("Patient.identifier"), "it selects 3"),
            (delete("Patient.birthDat"), "has no element 'birthDat'"),
            (replace("Patient.gender", valueCode="male"), "it selects none"),
            (replace("Patient.name", valueHumanName={"text": "x"}), "it selects 2"),
            (replace("Patient.birthDate", valueDateTime="2020"), "as valueDate, not as valueDateTime"),
            (replace("Patient.contact", valueString="x"), "parts, one for each child"),
        ],
    )
    @pytest.mark.rule("FPP-5")
    def test_what_cannot_be_replaced_or_deleted(self, sent: Json, said: str) -> None:
        refused(PATIENT, sent, said)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Patient.identifier.where(system = 't').value", "2"),
        ("identifier.where(system = 't').value", "2"),
        ("Patient.identifier.first().value", "1"),
        ("Patient.identifier.last().value", "3"),
        ("Patient.identifier.tail().first().value", "2"),
        ("Patient.identifier.skip(2).value", "3"),
        ("Patient.identifier.take(1).value", "1"),
        ("Patient.identifier[1].value.single()", "2"),
        ("Patient.identifier.where(value > '2').value", "3"),
        ("Patient.identifier.value.where($this = '2')", "2"),
        ("Patient.identifier.value[2]", "3"),
        ("$this.identifier[0].value", "1"),
        ("%resource.identifier[0].value", "1"),
        ("Resource.id", "p"),
        ("DomainResource.id", "p"),
        ("(Patient.identifier[0] | Patient.identifier[0]).value", "1"),
        ("Patient.name.where(given.extension.exists()).family", "One"),
        ("Patient.name.where(use.empty()).family", "One"),
        ("Patient.name.where(given contains 'A' and family.startsWith('O')).family", "One"),
    ],
)
def test_a_path_selects_by_place(path: str, expected: str) -> None:
    made = after(PATIENT, replace(path, **{"valueId" if path.endswith("id") else "valueString": "changed"}))
    before = encode(exact_value(PATIENT))
    assert encode(made) == before.replace(b'"%b"' % expected.encode(), b'"changed"', 1)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Observation.status", "the resource is of type Patient"),
        ("Patient.name.", "no FHIRPath"),
        ("", "no FHIRPath"),
        ("Patient..name", "no FHIRPath"),
        ("Patient.name.where(matches('(a+)+$'))", "regular expressions"),
        ("Patient.name.where(family.matches('(a+)+$') and true)", "regular expressions"),
        ("Patient.managingOrganization.resolve().name", "leads out of the resource"),
        ("Patient.descendants()", "supported are"),
        ("Patient.name.select(family)", "supported are"),
        ("Patient.name.family & 'x'", "supported are"),
        ("'Patient'", "supported are"),
        ("Patient.name[family]", "has to be a whole number"),
        ("Patient.name.take('x')", "has to be a whole number"),
        ("Patient.name.extension(url)", "in quotes"),
        ("Patient.name.ofType('x')", "name of a type"),
        ("Patient.name.single()", "single() finds 2"),
        ("Patient.name.where(period.start > @2020)", "not supported"),
        ("Patient.identifier.where(value < 3)", "cannot be evaluated"),
        ("(" * 400 + "Patient" + ")" * 400, "nested too deep"),
        ("Patient" + ".name" * 300, "more than 1,000 characters"),
    ],
)
@pytest.mark.rule("FPP-5", "FPP-6")
def test_a_path_that_cannot_be_followed_says_why(path: str, said: str) -> None:
    refused(PATIENT, delete(path), said)


@pytest.mark.rule("FPP-6")
def test_operations_go_on_from_what_the_ones_before_made() -> None:
    made = members(
        PATIENT,
        add("Patient", "contact", part=[part("gender", valueCode="female")]),
        add("Patient.contact[1]", "name", valueHumanName={"family": "New"}),
        replace("Patient.contact[1].name.family", valueString="Newer"),
        move("Patient.contact", 1, 0),
        delete("Patient.contact[1]"),
    )
    assert made["contact"] == [{"gender": "female", "name": {"family": "Newer"}}]


def test_paths_that_look_at_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selecting, "MOST_VISITED", 100)
    search = delete("Patient.identifier.where(value = 'x')")
    assert after(PATIENT, search)
    with pytest.raises(UnprocessableContent, match="look at more than"):
        after(PATIENT, *[search] * 20)


def test_a_patch_can_be_applied_again_to_another_resource() -> None:
    patch = fhirpath_patch(
        read(add("Patient", "maritalStatus", valueCodeableConcept={"text": "m"})),
    )
    assert patch.applied(exact_value(PATIENT)) == patch.applied(exact_value(PATIENT))


@pytest.mark.rule("FPP-1")
@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (part("operations"), "every parameter of a FHIRPath Patch is an operation"),
        (part("operation"), "has to have a type out of"),
        (operation("append", "Patient"), "has to have a type out of"),
        (operation("add", "Patient"), "has no name"),
        (operation("add", "Patient", part("name", valueString="x")), "has no value"),
        (operation("replace", "Patient.birthDate"), "has no value"),
        (operation("move", "Patient.name", part("source", valueInteger=1)), "has no destination"),
        (operation("insert", "Patient.name", part("value", valueString="x")), "has no index"),
        (operation("delete", "Patient.name", part("value", valueString="x")), "has no part value"),
        (operation("delete", "Patient.name", part("path", valueString="x")), "more than once"),
        (operation("delete", "Patient.name", part("paths", valueString="x")), "not a whole number"),
        (part("operation", part=[part("type", valueCode="delete"), part("path", valueInteger=3)]), "is not a text"),
        (
            operation("move", "Patient.name", part("source", valueString="1"), part("destination", valueInteger=0)),
            "not a whole number",
        ),
    ],
)
def test_an_operation_that_is_none_is_malformed(sent: Json, said: str) -> None:
    with pytest.raises(MalformedContent, match=said) as caught:
        fhirpath_patch(read(delete("Patient.photo"), sent))
    assert caught.value.issues[0].expression == ("Parameters.parameter[1]",)


def test_a_value_of_a_query_is_no_value_of_a_patch() -> None:
    """Parameters that were made from a query have no types."""
    untyped = Parameters((Parameter("operation", part=(Parameter("type", value="add"),)),))
    with pytest.raises(MalformedContent):
        fhirpath_patch(untyped)
