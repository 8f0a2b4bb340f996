"""Versions as HTTP tells them: ETag, Last-Modified, and conditions on them (R4 http.html#versioning)."""

from __future__ import annotations

from datetime import datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache

from fhir_service.api.answer import Answer, Headers
from fhir_service.api.call import Call
from fhir_service.fhir.etags import etag, names_version
from fhir_service.storage.repository import Stored


def version_headers(version: int, last_updated: datetime) -> Headers:
    """ETag and Last-Modified."""
    return headers_of_version(version, int(last_updated.timestamp()))


def headers_of_version(version: int, seconds: int) -> Headers:
    """The same for a version that was written at that second since 1970."""
    return ((b"etag", etag(version).encode()), (b"last-modified", _http_date(seconds)))


@lru_cache(1024)
def _http_date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()


def resource_answer(call: Call, stored: Stored) -> Answer:
    """A stored version: 200 with its bytes, or 304 without where the client has it already."""
    headers = version_headers(stored.version, stored.last_updated)
    if is_unmodified(call, stored):
        return Answer(304, headers=headers)
    return Answer(200, stored.text, headers)


def is_unmodified(call: Call, stored: Stored) -> bool:
    """If-None-Match, and only without it If-Modified-Since (RFC 9110 section 13.2.2). What is no date is ignored."""
    if known := call.header(b"if-none-match"):
        return names_version(known, stored.version)
    since = call.header(b"if-modified-since")
    try:
        return bool(since) and stored.last_updated.replace(microsecond=0) <= parsedate_to_datetime(since)
    except (ValueError, TypeError, OverflowError):
        return False
