"""What the maps read: a CaseReport together with its document and the software that read it."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from fhir_service import __version__
from fhir_service.fhir.json_text import encode, parse
from fhir_service.mapping.identity import with_uuids
from fhir_service.reports.case_report import CaseReport
from fhir_service.reports.reading import EXTRACTOR
from fhir_service.reports.report import Report


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """`CaseReport.source` of the logical model. `data` is the UTF-8 text in base64."""

    id: str
    key: str
    doi: str | None = None
    pmid: str | None = None
    url: str | None = None
    name: str | None = None
    title: str | None = None
    journal: str | None = None
    year: int | None = None
    content_type: str
    data: str
    hash: str


class Extractor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`CaseReport.extractor` of the logical model."""

    id: str
    name: str
    version: str


class MapInput(CaseReport, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The whole logical model, ids still being roles."""

    source: Document
    extractor: Extractor


def map_input(
    case_report: CaseReport, report: Report, *, extractor: str = __version__, extractor_name: str = EXTRACTOR
) -> dict[str, Any]:
    """Logical-model JSON of a report and its facts, ids being UUIDs, numbers Decimal or int as printed. `extractor` and
    `extractor_name` are version and name of the software that read the facts."""
    source = report.source
    document = Document(
        id="0/document",
        key=report.source_key,
        doi=source.doi,
        pmid=source.pmid,
        url=source.url,
        name=source.name,
        title=source.title,
        journal=source.journal,
        year=source.year,
        content_type=report.content_type,
        data=base64.b64encode(report.text.encode()).decode(),
        hash=report.attachment_hash,
    )
    whole = MapInput(
        case=case_report.case,
        group_statement=case_report.group_statement,
        contradiction=case_report.contradiction,
        source=document,
        extractor=Extractor(id="0/extractor", name=extractor_name, version=extractor),
    )
    facts = parse(encode(whole))
    for statement in facts.get("groupStatement", ()):
        statement.setdefault("group", f"{statement['id']}/group")
    return with_uuids(facts, report.source_key)
