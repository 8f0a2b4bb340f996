"""Which document a submitted CaseReport is about, its names and its text where it came along, and who read it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from fhir_service import __version__
from fhir_service.fhir.errors import Issue
from fhir_service.reports.reading import EXTRACTOR
from fhir_service.reports.report import Report, Source
from fhir_service.reports.source import IDENTIFIERS, normal_identifier, with_normal_identifiers

CASE_REPORT = "application/json"
"""What the document is where only its facts were sent: the submission itself."""
ROOT = "CaseReport"
_Name = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=200)]
_FORMS = {"doi": "write it as 10.1000/x1", "pmid": "write its digits", "url": "write it as https://site.example.org/x1"}
_OF_THE_SOURCE = frozenset(Source.__struct_fields__)


class StatedDocument(msgspec.Struct, frozen=True, rename="camel"):
    """`CaseReport.source` as it is sent; `data` is the text in UTF-8, base64. Ids and keys are given by the service."""

    id: str | None = None
    key: str | None = None
    doi: str | None = None
    pmid: str | None = None
    url: str | None = None
    name: str | None = None
    title: str | None = None
    journal: str | None = None
    year: int | None = None
    content_type: str = "text/plain"
    data: str | None = None
    hash: str | None = None

    @property
    def source(self) -> Source:
        """The citation."""
        stated = {name: getattr(self, name) for name in _OF_THE_SOURCE}
        return with_normal_identifiers(Source(**{name: value for name, value in stated.items() if value is not None}))


class StatedExtractor(msgspec.Struct, frozen=True):
    """`CaseReport.extractor` as it is sent."""

    name: _Name
    version: _Name
    id: str | None = None


class _OfTheDocument(msgspec.Struct, frozen=True):
    source: StatedDocument


class _OfTheReader(msgspec.Struct, frozen=True):
    extractor: StatedExtractor | None


def stated_document(content: Mapping[str, Any], sent: str) -> tuple[Report, list[Issue]]:
    """The document of a CaseReport, and what is wrong with how it is stated. `sent` is the whole submission, which is
    the document where no text came along.

    Raises msgspec.ValidationError where `source` has another shape.
    """
    stated = msgspec.convert({"source": content.get("source", {})}, _OfTheDocument).source
    text, issues = _text(stated)
    report = Report(
        text=sent if text is None else text,
        source=stated.source,
        content_type=CASE_REPORT if text is None else stated.content_type,
    )
    issues += _identifier_issues(stated)
    if text is not None and stated.hash not in (None, report.attachment_hash):
        issues.append(_issue("hash", f"the text has the SHA-1 {report.attachment_hash}, not the one that is stated"))
    if stated.key not in (None, report.source_key):
        words = f"the key of this source is '{report.source_key}', not '{stated.key}': leave it out"
        issues.append(_issue("key", words))
    return report, issues + _span_issues(content, text)


def stated_extractor(content: Mapping[str, Any]) -> tuple[str, str]:
    """Name and version of the software that read the facts; our own, which maps them, where none is named. Raises
    msgspec.ValidationError where `extractor` has another shape."""
    stated = msgspec.convert({"extractor": content.get("extractor")}, _OfTheReader).extractor
    return (EXTRACTOR, __version__) if stated is None else (stated.name, stated.version)


def _text(stated: StatedDocument) -> tuple[str | None, list[Issue]]:
    if stated.data is None:
        return None, []
    if not stated.content_type.startswith("text/"):
        return None, [_issue("contentType", f"a report is text, such as text/plain, not '{stated.content_type}'")]
    try:
        return base64.b64decode(stated.data, validate=True).decode(), []
    except ValueError:
        return None, [_issue("data", "the text has to be UTF-8, in base64")]


def _identifier_issues(stated: StatedDocument) -> list[Issue]:
    return [
        _issue(kind, f"'{value[:200]}' is no {kind.upper()}; {_FORMS.get(kind, 'mend it')}, or leave it out")
        for kind in IDENTIFIERS
        if (value := getattr(stated, kind)) is not None and normal_identifier(kind, value) is None
    ]


def _issue(element: str, text: str) -> Issue:
    return Issue("error", "value", text, (f"{ROOT}.source.{element}",), "submission.source")


def _span_issues(content: Mapping[str, Any], text: str | None) -> list[Issue]:
    """Spans are places in a text: one that is not here, or too short, cannot have them."""
    spans = list(_spans(content, ROOT))
    if text is None:
        words = (
            f"{len(spans)} facts or parts of them have spans, and the text that they count in did not come along: send "
            "it as source.data, or leave the spans out"
        )
        return [Issue("error", "value", words, (spans[0][0],), "submission.span-without-text")] if spans else []
    return [
        Issue(
            "error",
            "value",
            f"the text has {len(text)} characters, the span is of {span.get('offset')} to {_end(span)}",
            (path,),
            "submission.span-outside-text",
        )
        for path, span in spans
        if not (0 <= _number(span, "offset") < _end(span) <= len(text))
    ]


def _number(span: Mapping[str, Any], name: str) -> int:
    value = span.get(name)
    return value if isinstance(value, int) else -1


def _end(span: Mapping[str, Any]) -> int:
    return _number(span, "offset") + _number(span, "length")


def _spans(content: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every span with its path."""
    for name, value in content.items() if isinstance(content, Mapping) else ():
        at = f"{path}.{name}"
        for number, item in enumerate(value if isinstance(value, list) else [value]):
            place = f"{at}[{number}]" if isinstance(value, list) else at
            if name in ("span", "denominatorSpan") and isinstance(item, Mapping):
                yield place, item
            else:
                yield from _spans(item, place)
