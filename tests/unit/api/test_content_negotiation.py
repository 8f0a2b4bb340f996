"""What counts as JSON and XML of R4, in every spelling clients use."""

from __future__ import annotations

import pytest

from fhir_service.api.content_negotiation import body_syntax, format_of, media_type
from fhir_service.api.preferences import Preferences, preferences
from fhir_service.fhir.errors import NotAcceptable, UnsupportedMediaType


@pytest.mark.parametrize(
    ("accept", "syntax"),
    [
        ("*/*", "json"),
        ("application/fhir+json;fhirVersion=4.0.1", "json"),
        ("text/html, */*;q=0.1", "json"),
        ("application/fhir+xml", "xml"),
        ("application/fhir+xml;q=0.2, application/json;q=0.9", "json"),
    ],
)
def test_accept_names_the_format(accept: str, syntax: str) -> None:
    assert format_of({}, accept).syntax == syntax


@pytest.mark.parametrize(
    "accept", ["*/*;q=0", "*/*;q=none", "application/fhir+json;fhirVersion=3.0", "text/turtle", ","]
)
def test_these_accept_neither(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        format_of({}, accept)


@pytest.mark.parametrize("form", ["json", "text/json", "application/fhir json", "application/json;fhirVersion=4.0"])
def test_format_goes_before_accept(form: str) -> None:
    assert format_of({"_format": form}, "application/fhir+xml").syntax == "json"


@pytest.mark.parametrize("form", ["ttl", "text/turtle", "json;fhirVersion=3.0"])
def test_a_format_of_others_is_refused(form: str) -> None:
    with pytest.raises(NotAcceptable):
        format_of({"_format": form}, "application/fhir+json")


@pytest.mark.parametrize(
    "content_type", ["", "*/*", "application/*", "application/jsonx", "application/json;charset=utf-16"]
)
def test_a_body_has_to_be_called_json_or_xml_in_utf_8(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        body_syntax(content_type)


def test_parameters_of_a_media_type_are_read_without_quotes() -> None:
    assert media_type('Application/FHIR+json; Charset="utf-8" ;fhirVersion=4.0').parameters == {
        "charset": "utf-8",
        "fhirversion": "4.0",
    }


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Preferences()),
        ("return=minimal", Preferences("minimal")),
        ('Return="Representation", handling=strict', Preferences("representation", strict=True)),
        ("handling=strict; return=operationoutcome", Preferences("OperationOutcome", strict=True)),
        ("return=minimal, return=representation", Preferences("minimal")),
        ("respond-async, wait=10, return=all", Preferences(asynchronous=True)),
    ],
)
def test_preferences_are_read_from_one_or_several_headers(header: str, expected: Preferences) -> None:
    assert preferences(header) == expected
