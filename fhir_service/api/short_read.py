"""The read of one resource on the short way (R4 http.html#read), by whoever may read all of its type."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from time import time_ns

from fhir_service.api.answer import VARY, Answer
from fhir_service.api.content_encodings import MINIMUM_BYTES
from fhir_service.api.content_negotiation import FHIR_JSON
from fhir_service.api.error_responses import crash_answer, error_answer
from fhir_service.api.request_heads import PlainHead
from fhir_service.api.service import Service
from fhir_service.api.versions import headers_of_version, version_headers
from fhir_service.api.visit import Visit, written
from fhir_service.fhir.audit_events import NO_PATIENT_DATA, AccessRecord
from fhir_service.fhir.errors import FhirError
from fhir_service.fhir.etags import names_version
from fhir_service.storage.repository import Key, Stored

_SHOWN = written((VARY, (b"content-type", FHIR_JSON.encode())))
_KNOWN = written((VARY,))
Looking = asyncio.Future[Stored]


class ShortRead:
    """One read. Where the client has some version already, the text is asked for once that is not the newest."""

    __slots__ = ("_if_none_match", "_key", "_service", "_text", "_visit")

    def __init__(self, service: Service, visit: Visit, key: Key, head: PlainHead) -> None:
        self._service = service
        self._visit = visit
        self._key = key
        self._if_none_match = head.if_none_match
        self._text = not head.if_none_match

    def begin(self) -> None:
        """Answer at once, or when the database has."""
        try:
            looks = self._service.repository.looks
            stored = looks.at_once(self._key, text=self._text)
            if stored is not None:
                self._found(stored)
            else:
                looks.soon(self._key, text=self._text).add_done_callback(self._come)
        except Exception as error:  # whatever it is has to be told
            self._failed(error)

    def _come(self, looking: Looking) -> None:
        try:
            self._found(looking.result())
        except (Exception, asyncio.CancelledError) as error:  # as above
            self._failed(error)

    def _found(self, stored: Stored) -> None:
        if self._text:
            self._show(stored)
        elif names_version(self._if_none_match, stored.version):
            self._note(304, stored)
            self._visit.send(304, _version_lines(stored) + _KNOWN, b"", self._route)
        else:
            self._text = True
            self.begin()

    def _show(self, stored: Stored) -> None:
        self._note(200, stored)
        text = stored.text
        if self._visit.coding and len(text) >= MINIMUM_BYTES:
            headers = version_headers(stored.version, stored.last_updated)
            self._visit.later(Answer(200, text, headers), self._route)
            return
        lines = b"%b%bcontent-length: %d\r\n" % (_version_lines(stored), _SHOWN, len(text))
        self._visit.send(200, lines, text, self._route)

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, FhirError):
            self._note(error.status, None)
            self._visit.later(error_answer(error), self._route)
        else:
            self._note(500, None)
            self._visit.later(crash_answer(self._visit.origin.request, "GET"), self._route)

    def _note(self, status: int, stored: Stored | None) -> None:
        book = self._service.accesses
        if book is None or self._key[0] in NO_PATIENT_DATA:
            return
        origin = self._visit.origin
        book.note(
            AccessRecord(
                recorded=time_ns() // 1_000_000,
                request=origin.request,
                client=origin.client,
                address=origin.address,
                interaction="read",
                about="/".join(self._key),
                query="",
                status=status,
                resources={} if stored is None else {self._key: stored.version},
                patients=() if stored is None else stored.patients,
                unknown=frozenset(),
            )
        )

    @property
    def _route(self) -> str:
        return f"read {self._key[0]}/{{id}}"


def _version_lines(stored: Stored) -> bytes:
    return _lines_of_version(stored.version, stored.milliseconds // 1000)


@lru_cache(4096)
def _lines_of_version(version: int, seconds: int) -> bytes:
    return written(headers_of_version(version, seconds))
