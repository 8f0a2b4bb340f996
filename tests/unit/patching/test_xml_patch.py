"""XML Patch: what each operation does to the JSON, and why one cannot be done."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.fhir.errors import MalformedContent, UnprocessableContent
from fhir_service.fhir.json_text import encode, exact_value
from fhir_service.patching.xml_patch import xml_patch
from fhir_service.validation.structure import findings

PATIENT = (
    b'{"resourceType":"Patient","id":"p","name":[{"family":"One","given":["A","B"]},{"use":"old","family":"Two"}],'
    b'"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">&#160;A<br/></div>"},'
    b'"extension":[{"valueDecimal":1.10,"url":"http://e"}],"birthDate":"1930-01-01","_birthDate":{"id":"b"},'
    b'"identifier":[{"value":"1","system":"s"},{"system":"t","value":"2"}]}'
)
DIFF = '<diff xmlns:f="http://hl7.org/fhir">%s</diff>'


def after(*operations: str) -> Any:
    return xml_patch((DIFF % "".join(operations)).encode()).applied(exact_value(PATIENT))


def members(*operations: str) -> Any:
    made = after(*operations)
    assert findings(made) == []
    return made


@pytest.mark.rule("PAT-1")
class TestOperations:
    def test_replace_of_an_attribute(self) -> None:
        made = members('<replace sel="f:Patient/f:birthDate/@value">1931</replace>')
        assert (made["birthDate"], made["_birthDate"]) == ("1931", {"id": "b"})

    def test_what_is_not_touched_stays_to_the_byte(self) -> None:
        made = members('<replace sel="f:Patient/f:birthDate/@value">1931</replace>')
        before = exact_value(PATIENT)
        for name in ("name", "text", "extension", "identifier"):
            assert encode(made[name]) == encode(before[name])

    @pytest.mark.parametrize(
        ("sent", "expected"),
        [
            ('<add sel="f:Patient/f:name[1]"><f:suffix value="X"/></add>', {"suffix": ["X"]}),
            ('<add sel="/f:Patient/f:name[1]" pos="prepend"><f:use value="usual"/></add>', {"use": "usual"}),
            ('<add sel="f:Patient/f:name[1]/f:family" pos="before"><f:text value="T"/></add>', {"text": "T"}),
            (
                '<add sel="f:Patient/f:name[1]/f:given[1]" pos="after"><given value="X"/></add>',
                {"given": ["A", "X", "B"]},
            ),
            ('<add sel="f:Patient/f:name[1]" type="@id">n</add>', {"id": "n"}),
            (
                '<replace sel="f:Patient/f:name[1]/f:given[last()]"><f:given value="Z"/></replace>',
                {"given": ["A", "Z"]},
            ),
            ("<remove sel=\"f:Patient/f:name[1]/f:given[@value='A']\"/>", {"given": ["B"]}),
            ('<remove sel="Patient/name[not-there]/given"/><x/>', None),
        ],
    )
    def test_one_name_is_changed(self, sent: str, expected: dict[str, Any] | None) -> None:
        if expected is None:
            with pytest.raises(MalformedContent):
                after(sent)
            return
        name = members(sent)["name"][0]
        assert name == {"family": "One", "given": ["A", "B"], **expected}

    @pytest.mark.parametrize(
        "predicate",
        ["[2]", "[last()]", "[f:system/@value='t']", '[f:system/@value = "t"][1]', "[f:system/@value='t' ]"],
    )
    def test_a_predicate_selects(self, predicate: str) -> None:
        sel = f"f:Patient/f:identifier{predicate}/f:value/@value".replace('"', "&quot;")
        made = members(f'<replace sel="{sel}">9</replace>')
        assert [one["value"] for one in made["identifier"]] == ["1", "9"]

    def test_operations_go_on_from_what_the_ones_before_made(self) -> None:
        made = members(
            '<add sel="f:Patient/f:name[2]" pos="after"><f:name><f:text value="x"/></f:name></add>',
            '<replace sel="*/*[f:text]/f:text/@value">y</replace>',
            '<remove sel="f:Patient/f:name[f:use]"/>',
        )
        assert made["name"][1:] == [{"text": "y"}]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ('<remove sel="f:Patient/f:gender"/>', "it selects none"),
        ('<remove sel="f:Observation/f:status"/>', "it selects none"),
        ('<remove sel="f:Patient/f:name"/>', "it selects 2"),
        ('<remove sel="f:Patient"/>', "beside the resource"),
        ('<remove sel="f:Patient/f:name[1]/@id"/>', "no attribute id"),
        ('<replace sel="f:Patient/f:birthDate/@id2">x</replace>', "no attribute id2"),
        ('<replace sel="f:Patient/f:birthDate"/>', "by one element"),
        ('<add sel="f:Patient"/>', "no element to add"),
        ('<add sel="f:Patient" pos="after"><f:name/></add>', "beside the resource"),
        ('<add sel="f:Patient/f:birthDate" type="@value">x</add>', "is there already"),
        ('<add sel="f:Patient/f:birthDate/@value">x</add>', "type='@name'"),
        ('<remove sel="f:Patient/f:name[position() = 1]"/>', "not one that this server reads"),
    ],
)
@pytest.mark.rule("PAT-1")
def test_what_cannot_be_done_names_the_operation(sent: str, said: str) -> None:
    with pytest.raises(UnprocessableContent, match="operation 1 of the patch") as caught:
        after('<replace sel="f:Patient/f:birthDate/@value">1931</replace>', sent)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "sent",
    ['<add sel="f:Patient"><f:active value="true"/></add>', '<add sel="f:Patient"><f:colour value="x"/></add>'],
)
def test_what_is_no_resource_afterwards_is_refused_with_what_is_wrong(sent: str) -> None:
    with pytest.raises(UnprocessableContent) as caught:
        after(sent)
    assert caught.value.issues[0].text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"<diff>",
        b'<!DOCTYPE d [<!ENTITY a "b">]><diff>&a;</diff>',
        (DIFF % "<x/>").encode(),
        (DIFF % "<remove/>").encode(),
        (DIFF % '<remove sel="g:Patient"/>').encode(),
        (DIFF % '<remove sel="//f:name"/>').encode(),
        (DIFF % '<remove sel="f:Patient/text()"/>').encode(),
        (DIFF % '<remove sel="f:Patient/"/>').encode()[:-1],
        (DIFF % '<add sel="f:Patient" pos="within"/>').encode(),
        (DIFF % '<add sel="f:Patient" type="namespace::x"/>').encode(),
        (DIFF % '<add sel="f:Patient" type="@{abc">v</add>').encode(),
        (DIFF % '<add sel="f:Patient" type="@a b">v</add>').encode(),
        (DIFF % f'<remove sel="{"f:a/" * 500}f:b"/>').encode(),
        b"<d>" * 3000,
    ],
)
def test_what_is_no_patch_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedContent):
        xml_patch(body)
