"""Bundles are joined from bytes, and their entries read without touching bytes."""

from __future__ import annotations

import json

import msgspec
import pytest

from fhir_service.fhir.bundles import (
    ResponseEntry,
    entry_texts,
    found_entries,
    outcome_entry,
    read_entry,
    response_bundle,
    searchset,
)
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.storage.changes import Stored
from fhir_service.validation.structure import findings

PATIENT = b'{"resourceType":"Patient","id":"a","multipleBirthInteger":1}'
OUTCOME = outcome_bytes([])


def test_a_searchset_holds_the_bytes_it_was_given_and_is_valid() -> None:
    stored = Stored("Patient", "a", 1, 0, PATIENT)
    entries = [*found_entries('http://localhost/a"b', [stored], "match"), outcome_entry(OUTCOME)]
    bundle = searchset(
        entries, {"self": "http://localhost/fhir/Patient", "next": "http://localhost/fhir/Patient?x=1"}, 7
    )
    assert PATIENT in bundle
    assert findings(bundle) == []
    read = json.loads(bundle)
    assert read["total"] == 7
    assert [link["relation"] for link in read["link"]] == ["self", "next"]
    assert read["entry"][0]["fullUrl"] == 'http://localhost/a"b/Patient/a'
    assert "fullUrl" not in read["entry"][1]


def test_an_empty_searchset_has_no_empty_arrays() -> None:
    assert json.loads(searchset([], {})) == {"resourceType": "Bundle", "type": "searchset"}


def test_a_response_bundle_is_valid_and_leaves_out_what_is_not_there() -> None:
    entries = [
        ResponseEntry(
            "201 Created", location="Patient/a/_history/1", etag='W/"1"', last_modified="2026-01-31T12:00:00Z"
        ),
        ResponseEntry("200 OK", text=PATIENT, full_url="http://localhost/fhir/Patient/a"),
        ResponseEntry("404 Not Found", outcome=OUTCOME),
    ]
    bundle = response_bundle("batch-response", entries)
    assert findings(bundle) == []
    first, second, third = json.loads(bundle)["entry"]
    assert set(first) == {"response"}
    assert second["resource"] == json.loads(PATIENT)
    assert third["response"]["outcome"] == json.loads(OUTCOME)
    assert json.loads(response_bundle("transaction-response", [])) == {
        "resourceType": "Bundle",
        "type": "transaction-response",
    }


def test_an_entry_keeps_the_exact_text_of_its_resource() -> None:
    resource = b'{ "resourceType" : "Observation", "valueQuantity":{"value":1.10}}'
    raw = (
        b'{"resourceType":"Bundle","entry":[{"fullUrl":"urn:x","resource":%b},{"request":{"method":"GET","url":"x"}}]}'
    )
    first, second = (read_entry(text) for text in entry_texts(raw % resource))
    assert first.text == resource
    assert (first.full_url, first.request) == ("urn:x", None)
    assert second.text == b""
    assert second.request is not None
    assert (second.request.method, second.request.url, second.request.if_match) == ("GET", "x", "")


def test_what_is_no_bundle_is_an_error() -> None:
    with pytest.raises(msgspec.MsgspecError):
        entry_texts(b"[]")
