"""What counts as JSON of R4, in every spelling clients use."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from fhir_service.api.content_negotiation import body_syntax, media_type, wanted_format
from fhir_service.api.preferences import Preferences, preferences
from fhir_service.fhir.errors import NotAcceptable, UnsupportedMediaType


@pytest.mark.parametrize("accept", ["", "*/*", "application/fhir+json;fhirVersion=4.0.1", "text/html, */*;q=0.1"])
def test_these_accept_json(accept: str) -> None:
    assert wanted_format(accept, "").syntax == "json"


@pytest.mark.parametrize("accept", ["text/html", "*/*;q=0", "*/*;q=none", "application/fhir+json;fhirVersion=3.0", ","])
def test_these_do_not(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        wanted_format(accept, "")


@pytest.mark.parametrize(
    "form", ["json", "JSON", "text/json", "application/fhir json", "application/json;fhirVersion=4.0"]
)
def test_format_goes_before_accept(form: str) -> None:
    assert wanted_format("application/fhir+xml", urlencode({"_format": form})).syntax == "json"


@pytest.mark.parametrize("form", ["ttl", "html", "*/*", "json;fhirVersion=3.0"])
def test_a_format_of_others_is_refused(form: str) -> None:
    with pytest.raises(NotAcceptable):
        wanted_format("application/fhir+json", urlencode({"_format": form}))


@pytest.mark.parametrize(
    "content_type", ["", "*/*", "application/*", "application/jsonx", "application/json;charset=utf-16"]
)
def test_a_body_has_to_be_called_json_in_utf_8(content_type: str) -> None:
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
        ("respond-async, wait=10, return=all", Preferences()),
    ],
)
def test_preferences_are_read_from_one_or_several_headers(header: str, expected: Preferences) -> None:
    assert preferences(header) == expected
