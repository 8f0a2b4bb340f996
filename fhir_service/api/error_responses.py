"""The one place where an error becomes an answer: an OperationOutcome, a status, and never anything internal."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhir_service.api.answer import Answer, Headers
from fhir_service.api.call import ClientGone
from fhir_service.api.content_encodings import CODINGS, UnknownCoding
from fhir_service.api.content_negotiation import FHIR_JSON, wanted_format
from fhir_service.api.presentation import written
from fhir_service.api.request_id import request_id
from fhir_service.fhir.errors import (
    FhirError,
    Issue,
    MethodNotSupported,
    TooManyRequests,
    Unauthenticated,
    UnsupportedMediaType,
)
from fhir_service.fhir.outcomes import outcome_bytes

_log = logging.getLogger("fhir_service.api")

_RETRY_AFTER = 2
"""In seconds."""


class NotAllowed(MethodNotSupported):
    """The path exists, for other methods (405)."""

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{method} is not possible here; {', '.join(allowed)} is")
        self.headers: Headers = ((b"allow", ", ".join(allowed).encode()),)


class NoSuchRange(FhirError):
    """Nothing of the file lies there (416, RFC 9110 section 15.5.17)."""

    status, code = 416, "invalid"

    def __init__(self, size: int) -> None:
        super().__init__(f"the file has {size} bytes", expression=("http.Range",))
        self.headers: Headers = ((b"content-range", b"bytes */%d" % size),)


class NoPatch(UnsupportedMediaType):
    """The body is no kind of patch that this server reads (415, RFC 5789 section 2.2)."""

    def __init__(self, content_type: str, accepted: tuple[str, ...]) -> None:
        sent = f"'{content_type[:80]}'" if content_type else "missing"
        super().__init__(f"Content-Type is {sent}; a patch is one of {', '.join(accepted)}, in UTF-8 and of R4")
        self.headers: Headers = ((b"accept-patch", ", ".join(accepted).encode()),)


def error_answer(error: FhirError) -> Answer:
    """Status and OperationOutcome of an error."""
    return Answer(error.status, outcome_bytes(error.issues), _headers(error))


def in_wanted_format(answer: Answer, scope: Scope) -> Answer:
    """An OperationOutcome as the client wants it; in JSON where it wants what there is not."""
    accept = b",".join([value for name, value in scope["headers"] if name == b"accept"]).decode("latin-1")
    try:
        wanted = wanted_format(accept, scope["query_string"].decode("latin-1"))
        return replace(answer, body=written(answer.body, wanted), media_type=wanted.media_type)
    except FhirError:
        return answer


_ALWAYS: Mapping[type[FhirError], Headers] = {
    UnknownCoding: ((b"accept-encoding", CODINGS.encode()),),
    Unauthenticated: ((b"www-authenticate", b'Bearer realm="fhir"'),),
}


def _headers(error: FhirError) -> Headers:
    if isinstance(error, NotAllowed | NoPatch | NoSuchRange):
        return error.headers
    if type(error) in _ALWAYS:
        return _ALWAYS[type(error)]
    if error.status in (408, 413):  # what is still under way is not read
        return ((b"connection", b"close"),)
    if error.status in (429, 503):
        seconds = error.retry_after if isinstance(error, TooManyRequests) else _RETRY_AFTER
        return ((b"retry-after", b"%d" % seconds),)
    return ()


class ErrorBoundary:
    """Around everything: each error raised within is answered here. After an answer has begun there is only the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except ClientGone:
            return
        except FhirError as error:
            answer = in_wanted_format(error_answer(error), scope)
        except Exception:  # the last resort: a fault of ours is logged whole and told as a number
            answer = in_wanted_format(crash_answer(request_id(scope), scope["method"]), scope)
        else:
            return
        if not started:
            await answer(scope, receive, send)


def crash_answer(number: str, method: str) -> Answer:
    """What is answered to the request of that id where the exception that is handled was none that we know of."""
    _log.exception("a fault of ours", extra={"fields": {"request": number, "method": method}})
    text = f"The server failed. The log has the reason under request {number}."
    return Answer(500, outcome_bytes([Issue("fatal", "exception", text)]))


async def http_exception(_: Request, error: Exception) -> Response:
    """What FastAPI's own routing refuses: unknown paths and methods beside the FHIR base."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    code, text = {
        404: ("not-found", "there is nothing at this address; the FHIR API is below /fhir"),
        405: ("not-supported", "this method is not possible here"),
    }.get(status, ("processing", "the request cannot be done"))
    body = outcome_bytes([Issue("error", code, text)])
    return Response(body, status, headers, FHIR_JSON)
