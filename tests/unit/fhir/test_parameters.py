"""Parameters resources and query strings into named values, and back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_service.fhir.errors import InvalidParameter, MalformedContent
from fhir_service.fhir.parameters import Parameter, parameters_text, query_parameters, read_parameters

SENT = (
    b'{"resourceType":"Parameters","parameter":['
    b'{"name":"url","valueUri":"http://example.org/map"},'
    b'{"name":"coding","valueCoding":{"system":"http://loinc.org","code":"8867-4"}},'
    b'{"name":"property","valueCode":"a"},{"name":"property","valueCode":"b"},'
    b'{"name":"dose","valueDecimal":1.10},'
    b'{"name":"resource","resource":{"resourceType":"Patient", "x":1.10}},'
    b'{"name":"match","part":[{"name":"equivalence","valueCode":"equal"},'
    b'{"name":"deep","part":[{"name":"leaf","valueBoolean":false}]}]},'
    b'{"name":"unknown","_valueDate":{"extension":[{"url":"http://example.org/e","valueCode":"x"}]}}]}'
)


def test_values_come_by_name() -> None:
    found = read_parameters(SENT)
    assert found.value("url") == found.text("url") == "http://example.org/map"
    assert found.value("coding") == {"system": "http://loinc.org", "code": "8867-4"}
    assert found.values("property") == ("a", "b")
    assert str(found.value("dose")) == "1.10"
    assert found.value("nothing") is None
    assert found.text("nothing") == ""
    assert "dose" in found
    assert "nothing" not in found


def test_a_resource_keeps_its_bytes() -> None:
    assert read_parameters(SENT).resource("resource") == b'{"resourceType":"Patient", "x":1.10}'


def test_parts_are_parameters_themselves() -> None:
    (match,) = read_parameters(SENT).all("match")
    assert match.part[0] == Parameter("equivalence", "Code", "equal")
    assert match.part[1].part == (Parameter("leaf", "Boolean", False),)


def test_a_value_that_has_only_extensions_keeps_them_and_its_type() -> None:
    unknown = read_parameters(SENT).one("unknown")
    assert unknown is not None
    assert (unknown.type, unknown.value) == ("Date", None)
    assert unknown.beside["extension"][0]["valueCode"] == "x"


def test_written_and_read_again_it_is_the_same() -> None:
    found = read_parameters(SENT)
    assert parameters_text(found.items) == SENT
    assert read_parameters(parameters_text(found.items)) == found
    assert parameters_text(()) == b'{"resourceType":"Parameters"}'
    assert b"1.10" in parameters_text([Parameter("n", "Decimal", Decimal("1.10"))])


@pytest.mark.rule("OPS-1")
def test_a_query_makes_the_same_object_with_texts() -> None:
    found = query_parameters((("url", "http://x"), ("deep", "true"), ("count", "12"), ("p", "a"), ("p", "b")))
    assert found.text("url") == "http://x"
    assert found.flag("deep") is True
    assert found.integer("count") == 12
    assert found.values("p") == ("a", "b")
    assert found.flag("none") is None
    assert found.integer("none") is None


@pytest.mark.parametrize(
    ("read", "name"), [("flag", "url"), ("integer", "url"), ("integer", "sign"), ("one", "p"), ("value", "p")]
)
def test_a_value_of_another_form_is_named(read: str, name: str) -> None:
    found = query_parameters((("url", "x"), ("sign", "-"), ("p", "a"), ("p", "b")))
    with pytest.raises(InvalidParameter) as caught:
        getattr(found, read)(name)
    assert caught.value.issues[0].expression == (f"http.{name}",)


def test_a_number_is_no_text() -> None:
    with pytest.raises(InvalidParameter) as caught:
        read_parameters(SENT).text("dose")
    assert caught.value.issues[0].expression == ("Parameters.parameter.where(name = 'dose')",)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"{}",
        b'{"resourceType":"Patient"}',
        b'{"resourceType":3}',
        b'{"resourceType":"Parameters","parameter":{}}',
        b'{"resourceType":"Parameters","parameter":[1]}',
        b'{"resourceType":"Parameters","parameter":[{"valueCode":"x"}]}',
        b'{"resourceType":"Parameters","parameter":[{"name":1}]}',
        b'{"resourceType":"Parameters","parameter":[{"name":"a","part":3}]}',
        b'{"resourceType":"Parameters","parameter":' + b'[{"name":"a","part":' * 60 + b"[]" + b"}]" * 60 + b"}",
        b'{"resourceType":"Parameters","parameter":' + b'[{"name":"a","part":' * 9000 + b"[]" + b"}]" * 9000 + b"}",
    ],
)
def test_what_is_no_parameters_resource_is_refused(sent: bytes) -> None:
    with pytest.raises(MalformedContent):
        read_parameters(sent)
