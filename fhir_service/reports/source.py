"""What a person writes for the source of a report, and the citation it stands for."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from fhir_service.reports.report import Source

_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_PMID = re.compile(r"(?:PMID:?\s*|https?://pubmed\.ncbi\.nlm\.nih\.gov/)(\d{1,8})/?", re.IGNORECASE)
_URL = re.compile(r"https?://\S+")

Identifier = Literal["doi", "pmid"]
IDENTIFIERS: tuple[Identifier, ...] = ("doi", "pmid")


class InvalidSourceError(ValueError):
    """source.json cannot be read; the message says what to mend."""


def named_source(name: str) -> Source:
    """The Source for a DOI, a PMID (`PMID 123`), a URL, or any other name that stays the same for this report."""
    name = name.strip()
    if match := _DOI.fullmatch(name):
        return Source(doi=match[1].lower())
    if match := _PMID.fullmatch(name):
        return Source(pmid=match[1])
    if _URL.fullmatch(name):
        return Source(url=name)
    if not name:
        raise InvalidSourceError("the name of the source is empty")
    return Source(name=name)


def normal_identifier(kind: Identifier, value: str) -> str | None:
    """A DOI or PMID as it names a source; None where the value is none."""
    name = f"PMID {value}" if kind == "pmid" and value.isdigit() else value
    try:
        found: str | None = getattr(named_source(name), kind)
    except InvalidSourceError:
        return None
    return found


def with_normal_identifiers(source: Source) -> Source:
    """The source with its DOI and PMID as they name it, without those that are none."""
    found = {kind: normal_identifier(kind, value) for kind in IDENTIFIERS if (value := getattr(source, kind))}
    return msgspec.structs.replace(source, **found)


def source_from_json(raw: bytes) -> Source:
    """The Source of a source.json. Raises InvalidSourceError."""
    try:
        return msgspec.json.decode(raw, type=Source)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidSourceError(f"source.json cannot be used: {error}") from error
