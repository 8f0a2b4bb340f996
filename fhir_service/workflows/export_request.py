"""What a job exports, as its row keeps it (Bulk Data Access 3.0.0)."""

from __future__ import annotations

from typing import Literal

import msgspec

from fhir_service.fhir.access import Grant
from fhir_service.fhir.errors import Issue
from fhir_service.search.query import Query, parse_query
from fhir_service.search.query_text import read_pairs
from fhir_service.search.value_sets import Terminology

Level = Literal["system", "patient", "group"]
Guide = Literal["3.0.0", "4.0.0-ballot"]
KIND = "export"
"""The name of these jobs."""
NDJSON, PARQUET = "application/fhir+ndjson", "application/vnd.apache.parquet"
_HOW = frozenset(
    {
        *("_sort", "_count", "_include", "_revinclude", "_summary", "_elements", "_total", "_contained"),
        *("_containedType", "_cursor", "_query"),
    }
)
BESIDE = ("Provenance", "Device")
"""Types that travel with what they explain where an export is of patients, beyond what is about the patients itself."""


class ExportRequest(msgspec.Struct, frozen=True):
    """What is exported. `base` is the server's address and `url` that of the kick-off. Times in milliseconds.

    `patients` are the ids it is limited to; None stands for all. `cohort` are searches whose patients are meant, each
    of them of all (`export_cohort`). By type `filters` are searches of which one has to be met, and `restrictions`
    groups of them, of each of which one has to be met. `explained` are the types whose Provenance is wanted where that
    is not all of it, with `latest` only the newest of each resource. `organized_by` is the type whose resources the
    files are blocks of. `secret` signs the links to files; without it they need a token.
    """

    level: Level
    url: str
    base: str
    types: tuple[str, ...]
    since: int | None = None
    until: int | None = None
    filters: dict[str, tuple[str, ...]] = {}
    restrictions: dict[str, tuple[tuple[str, ...], ...]] = {}
    elements: tuple[str, ...] = ()
    patients: tuple[str, ...] | None = None
    cohort: tuple[str, ...] = ()
    grants: tuple[Grant, ...] | None = None
    explained: tuple[str, ...] | None = None
    latest: bool = False
    organized_by: str = ""
    partial: bool = False
    format: str = NDJSON
    guide: Guide = "3.0.0"
    separate_status: bool = False
    secret: str = ""
    left_out: tuple[Issue, ...] = ()

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def read_request(text: str) -> ExportRequest:
    """The request of a job."""
    return msgspec.json.decode(text, type=ExportRequest)


def type_filter(kind: str, search: str, base: str, terminology: Terminology | None) -> Query:
    """One `_typeFilter`. Raises InvalidParameter, UnsupportedParameter, TooCostly."""
    return parse_query(kind, read_pairs(search), base=base, terminology=terminology)


def says_how(search: str) -> bool:
    """Whether a search says how its matches come, and not only which are meant. Raises InvalidParameter."""
    return any(name.partition(":")[0] in _HOW for name, _ in read_pairs(search))
