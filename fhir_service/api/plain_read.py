"""The most common request of all, `GET Type/id` by a caller who may read all of the type, answered on a short way.

What stands around the dispatcher, one layer for each question, takes more time than the read itself. Here the same
questions are asked of the same objects, one after the other, and nothing is decided anew: where any of them has another
answer than the usual one, the request goes the long way as if it had not been here. So no error is told here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from time import time_ns
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_service.api.allowed_hosts import host_name
from fhir_service.api.answer import Answer
from fhir_service.api.auth.identify import identified
from fhir_service.api.call import Service
from fhir_service.api.content_encodings import Compression
from fhir_service.api.content_negotiation import PLAIN, wanted_format
from fhir_service.api.origin import origin_of
from fhir_service.api.rate_limit import Rates
from fhir_service.api.request_log import ROUTE
from fhir_service.api.security_headers import headers_of_data
from fhir_service.api.versions import version_headers
from fhir_service.fhir.audit_events import NO_PATIENT_DATA, AccessRecord
from fhir_service.fhir.errors import FhirError
from fhir_service.fhir.etags import names_version
from fhir_service.search.restrictions import is_restricted
from fhir_service.settings import FHIR_PREFIX, Settings
from fhir_service.storage.repository import Stored

_PATH = re.compile(rf"{FHIR_PREFIX}/([A-Z][A-Za-z]*)/([A-Za-z0-9\-.]{{1,64}})")
_OUT_OF_THE_ORDINARY = frozenset({b"content-length", b"expect", b"if-modified-since", b"origin", b"transfer-encoding"})
"""Headers that another layer has something to say about."""


class _Head(NamedTuple):
    """What the headers of a plain read say. Names and values are as they were sent, empty where there are none."""

    host: bytes
    accept: bytes
    if_none_match: bytes
    accepts_codings: bool


class PlainRead:
    """Answers plain reads, hands on everything else. Not for a service behind a proxy, whose word comes first."""

    def __init__(self, app: ASGIApp, service: Service, settings: Settings, rates: Rates | None) -> None:
        self._app = app
        self._service = service
        self._rates = rates
        self._hosts = frozenset(name.lower() for name in settings.allowed_hosts)
        self._limits = settings
        self._routes = {kind: f"read {kind}/{{id}}" for kind in service.types}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and not scope["query_string"]:
            found = _PATH.fullmatch(scope["path"])
            if found is not None and found[1] in self._routes and (head := self._head(scope)) is not None:
                answer = await self._answer(scope, head, found[1], found[2])
                if answer is not None:
                    scope[ROUTE] = self._routes[found[1]]
                    await (Compression(answer) if head.accepts_codings else answer)(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _head(self, scope: Scope) -> _Head | None:
        """None where something in it is not plain."""
        host = accept = known = b""
        codings, size = False, 0
        for name, value in scope["headers"]:
            size += len(name) + len(value)
            if name == b"host" and not host:
                host = value
            elif name == b"accept" and not accept:
                accept = value
            elif name == b"if-none-match" and not known:
                known = value
            elif name == b"accept-encoding":
                codings = True
            elif name in (b"host", b"accept", b"if-none-match") or name in _OUT_OF_THE_ORDINARY:
                return None
        limits = self._limits
        if size > limits.max_header_bytes or len(scope["headers"]) > limits.max_headers:
            return None
        if host_name(host) not in self._hosts or not _is_plain(accept):
            return None
        return _Head(host, accept, known, codings)

    async def _answer(self, scope: Scope, head: _Head, kind: str, resource_id: str) -> Answer | None:
        service = self._service
        try:
            access = await identified(scope, service)
            if not access.may("r", kind) or is_restricted(access, "r", kind):
                return None
            if self._rates is not None:
                self._rates.count(scope)
            if (book := service.accesses) is not None:
                book.require_room()
            repository = service.repository
            status, text = 200, b""
            if head.if_none_match:
                stored = await repository.without_text(kind, resource_id, access)
                if names_version(head.if_none_match.decode("latin-1"), stored.version):
                    status = 304
            if status == 200:
                stored = await repository.read(kind, resource_id, access)
                text = stored.text
        except Exception:  # refusals and faults alike: the long way comes upon them too, and tells of them
            return None
        if book is not None and kind not in NO_PATIENT_DATA:
            book.note(_record(scope, stored, status))
        headers = (*version_headers(stored.version, stored.last_updated), *headers_of_data(scope["scheme"]))
        return Answer(status, text, headers)


def _record(scope: Scope, stored: Stored, status: int) -> AccessRecord:
    client, address, request = origin_of(scope)
    return AccessRecord(
        recorded=time_ns() // 1_000_000,
        request=request,
        client=client,
        address=address,
        interaction="read",
        about=f"{stored.type}/{stored.id}",
        query="",
        status=status,
        resources={(stored.type, stored.id): stored.version},
    )


@lru_cache(256)
def _is_plain(accept: bytes) -> bool:
    try:
        return wanted_format(accept.decode("latin-1"), "") == PLAIN
    except FhirError:
        return False
