"""The name of a source decides the ids of everything read from it."""

import pytest

from fhir_service.reports.report import Report, Source
from fhir_service.reports.source import InvalidSourceError, named_source, source_from_json


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("10.1186/s12891-021-04123-8", Source(doi="10.1186/s12891-021-04123-8")),
        ("https://doi.org/10.1186/S12891-021-04123-8", Source(doi="10.1186/s12891-021-04123-8")),
        ("doi: 10.1000/182", Source(doi="10.1000/182")),
        ("PMID: 12345678", Source(pmid="12345678")),
        ("https://pubmed.ncbi.nlm.nih.gov/12345678/", Source(pmid="12345678")),
        ("https://example.org/case/7", Source(url="https://example.org/case/7")),
        ("ward 3, case 7", Source(name="ward 3, case 7")),
    ],
)
def test_a_name_is_read_as_the_identifier_it_is(name: str, source: Source) -> None:
    assert named_source(name) == source


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(InvalidSourceError):
        named_source("  ")


def test_the_key_is_the_doi_before_the_pmid_before_the_url_before_the_text() -> None:
    text = "A report."
    assert Report(text=text, source=Source(doi="d", pmid="p", url="u")).source_key == "d"
    assert Report(text=text, source=Source(pmid="p", url="u")).source_key == "p"
    assert Report(text=text, source=Source(url="u", name="n")).source_key == "u"
    assert Report(text=text, source=Source(title="A title")).source_key == Report(text=text, source=Source()).sha256


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"year": "soon"}', b'{"title": 1}', b"\xff"])
def test_a_citation_that_cannot_be_read_is_an_error_and_not_an_empty_source(raw: bytes) -> None:
    with pytest.raises(InvalidSourceError, match=r"source\.json"):
        source_from_json(raw)
