"""Links inside a Bundle become links inside the store; everything else stays as it is."""

from __future__ import annotations

import pytest

from fhir_service.definitions.elements import UnknownElement, is_primitive, properties, types
from fhir_service.fhir.references import LINKS, is_conditional, references_in, resolve_references, restful_url
from fhir_service.settings import SERVED_TYPES

URN = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e3009450f1"


def holders(start: str) -> set[str]:
    """Everything that a resource of that type can hold, nested resources aside."""
    found, waiting = set(), [start]
    while waiting:
        holder = waiting.pop()
        if holder in found or holder in ("Resource", "xhtml"):
            continue
        found.add(holder)
        waiting.extend(entry.holder for entry in properties(holder).values() if entry.holder)
    return found


def test_links_are_what_r4_defines_as_a_link_in_the_types_that_are_served() -> None:
    for holder in set().union(*(holders(name) for name in SERVED_TYPES)):
        for name, entry in properties(holder).items():
            if not is_primitive(entry.type):
                continue
            is_link = entry.type in ("uri", "url", "oid", "uuid") or (holder, name) == ("Reference", "reference")
            if name in LINKS:
                assert is_link, f"{holder}.{name} is {entry.type}"
            elif is_link:
                # Names of code systems and of definitions, never of an entry in a Bundle.
                assert name in ("system", "type", "path"), f"{holder}.{name} is {entry.type}"


def test_no_link_property_is_a_canonical() -> None:
    for name in types():
        try:
            found = properties(name)
        except UnknownElement:
            continue
        assert not {key for key, entry in found.items() if entry.type == "canonical"} & (
            LINKS - {"source", "url", "uri"}
        )


def test_references_and_links_lead_to_the_target_and_strings_stay() -> None:
    resource = {
        "resourceType": "Observation",
        "subject": {"reference": URN, "display": URN},
        "performer": [{"reference": URN}, {"reference": "Patient/other"}],
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": URN}],
        "extension": [{"url": "http://example.org", "valueUri": URN}, {"url": URN, "valueCanonical": URN}],
    }
    assert resolve_references(resource, {URN: "Patient/1"}) == {
        "resourceType": "Observation",
        "subject": {"reference": "Patient/1", "display": URN},
        "performer": [{"reference": "Patient/1"}, {"reference": "Patient/other"}],
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": URN}],
        "extension": [
            {"url": "http://example.org", "valueUri": "Patient/1"},
            {"url": "Patient/1", "valueCanonical": URN},
        ],
    }
    assert resource["subject"]["reference"] == URN


@pytest.mark.parametrize(
    ("div", "expected"),
    [
        (f'<a href="{URN}">x</a>', '<a href="Patient/1">x</a>'),
        (f"<img src = '{URN}'/>", "<img src = 'Patient/1'/>"),
        (f"<p>{URN}</p>", f"<p>{URN}</p>"),
        (f'<a href="{URN}#part">x</a>', f'<a href="{URN}#part">x</a>'),
    ],
)
def test_in_narrative_only_href_and_src_are_links(div: str, expected: str) -> None:
    resource = {"text": {"status": "generated", "div": div}}
    assert resolve_references(resource, {URN: "Patient/1"})["text"]["div"] == expected


def test_a_version_specific_link_keeps_its_version() -> None:
    resource = {"subject": {"reference": f"{URN}/_history/2"}}
    assert resolve_references(resource, {URN: "Patient/1"})["subject"]["reference"] == "Patient/1/_history/2"


def test_a_relative_link_is_resolved_on_the_root_it_stands_under() -> None:
    targets = {"http://a.example/fhir/Patient/1": "Patient/new"}
    resource = {"subject": {"reference": "Patient/1"}}
    assert resolve_references(resource, targets, "http://a.example/fhir")["subject"]["reference"] == "Patient/new"
    assert resolve_references(resource, targets, "http://b.example/fhir")["subject"]["reference"] == "Patient/1"
    assert resolve_references(resource, targets)["subject"]["reference"] == "Patient/1"


def test_references_are_found_in_their_order() -> None:
    resource = {"a": [{"reference": "A/1"}, {"b": {"reference": "B/2"}}], "c": {"reference": {"reference": "C/3"}}}
    assert list(references_in(resource)) == ["A/1", "B/2", "C/3"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient/1", ("", "Patient", "1", "")),
        ("http://a.example/r4/Patient/1/_history/2", ("http://a.example/r4", "Patient", "1", "2")),
        ("patient/1", None),
        ("Patient/1/x", None),
        ("Patient/" + "x" * 65, None),
        (URN, None),
        ("#p", None),
        ("Patient?identifier=1", None),
    ],
)
def test_restful_urls_are_told_apart(text: str, expected: tuple[str, ...] | None) -> None:
    assert restful_url(text) == expected


def test_a_search_is_a_conditional_reference() -> None:
    assert is_conditional("Patient?identifier=1")
    assert not is_conditional("http://a.example/x?y=1")
    assert not is_conditional("Patient/1")
