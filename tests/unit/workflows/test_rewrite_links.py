"""Links in a resource are what R4 says of its elements; everything else stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.workflows.rewrite_links import with_links

URN = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e3009450f1"


def relinked(resource: dict[str, Any]) -> dict[str, Any]:
    return with_links(resource, lambda link, is_reference: link.replace(URN, "Patient/1" if is_reference else "P"))


@pytest.mark.rule("TX-4")
def test_references_and_uris_are_links_and_strings_and_canonicals_are_not() -> None:
    resource = {
        "resourceType": "Observation",
        "meta": {"profile": [URN], "source": URN},
        "subject": {"reference": URN, "display": URN},
        "performer": [{"reference": URN}, {"reference": "Patient/other"}],
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": URN}],
        "status": "final",
        "_status": {"extension": [{"url": "http://example.org", "valueUuid": URN}]},
        "extension": [
            {"url": "http://example.org", "valueUri": URN},
            {"url": "http://example.org", "valueCanonical": URN},
            {"url": "http://example.org", "valueReference": {"reference": URN}},
        ],
    }
    assert relinked(resource) == {
        "resourceType": "Observation",
        "meta": {"profile": [URN], "source": "P"},
        "subject": {"reference": "Patient/1", "display": URN},
        "performer": [{"reference": "Patient/1"}, {"reference": "Patient/other"}],
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": URN}],
        "status": "final",
        "_status": {"extension": [{"url": "http://example.org", "valueUuid": "P"}]},
        "extension": [
            {"url": "http://example.org", "valueUri": "P"},
            {"url": "http://example.org", "valueCanonical": URN},
            {"url": "http://example.org", "valueReference": {"reference": "Patient/1"}},
        ],
    }
    assert resource["subject"]["reference"] == URN  # type: ignore[index]  # a dict, as above


@pytest.mark.rule("TX-4")
def test_an_element_is_a_link_by_its_type_and_not_by_its_name() -> None:
    value_set = {"resourceType": "ValueSet", "url": URN, "compose": {"include": [{"valueSet": [URN], "system": URN}]}}
    assert relinked(value_set) == {
        "resourceType": "ValueSet",
        "url": "P",
        "compose": {"include": [{"valueSet": [URN], "system": "P"}]},
    }
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "p", "valueString": URN, "part": [{"name": "q", "valueUrl": URN}]}],
    }
    assert relinked(parameters)["parameter"][0] == {
        "name": "p",
        "valueString": URN,
        "part": [{"name": "q", "valueUrl": "P"}],
    }
    contained = {
        "resourceType": "Observation",
        "contained": [{"resourceType": "Patient", "managingOrganization": {"reference": URN}}],
    }
    assert relinked(contained)["contained"][0]["managingOrganization"]["reference"] == "Patient/1"


@pytest.mark.rule("TX-4")
@pytest.mark.parametrize(
    ("div", "expected"),
    [
        (f'<a href="{URN}">x</a>', '<a href="P">x</a>'),
        (f"<img src = '{URN}'/>", "<img src = 'P'/>"),
        (f"<p>{URN}</p>", f"<p>{URN}</p>"),
    ],
)
def test_in_narrative_only_href_and_src_are_links(div: str, expected: str) -> None:
    resource = {"resourceType": "Patient", "text": {"status": "generated", "div": div}}
    assert relinked(resource)["text"]["div"] == expected
