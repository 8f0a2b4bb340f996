"""The addresses below the FHIR base where tokens are got. They speak OAuth's JSON, whatever Accept says."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_service.api.answer import Answer, Headers
from fhir_service.api.audit import refused
from fhir_service.api.auth.discovery import CONFIGURATION, GRANT, INTROSPECTION, smart_configuration
from fhir_service.api.auth.oauth_errors import OAuthError
from fhir_service.api.call import Call
from fhir_service.api.dispatcher import base_of
from fhir_service.api.request_id import request_id
from fhir_service.api.service import Service
from fhir_service.fhir.errors import FhirError, Unauthenticated

_log = logging.getLogger("fhir_service.access")
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_NOT_KEPT: Headers = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
_LONGEST = 64 * 1024
"""Bytes of a form, which is read before anybody has said who they are."""
_SINGLE = frozenset({"grant_type", "scope", "client_assertion", "client_assertion_type", "token"})
Endpoint = Callable[[Call], Awaitable[Answer]]


class AuthEndpoints:
    """Answers those addresses below `prefix`, where access control is on; hands on everything else."""

    def __init__(self, app: ASGIApp, service: Service, prefix: str) -> None:
        self._app = app
        self._service = service
        self._prefix = prefix
        self._endpoints: Mapping[str, tuple[str, Endpoint]] = {
            f"{prefix}/{CONFIGURATION}": ("GET", _configuration),
            f"{prefix}/{GRANT}": ("POST", _token),
            f"{prefix}/{INTROSPECTION}": ("POST", _introspection),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope.get("path", "")) if scope["type"] == "http" else None
        if endpoint is None or self._service.settings.access == "open":
            await self._app(scope, receive, send)
            return
        method, answer = endpoint
        call = Call(
            service=self._service,
            base=base_of(self._service, scope, self._prefix),
            method=scope["method"],
            headers=scope["headers"],
            receive=receive,
        )
        if scope["method"] not in (method, *(("HEAD",) if method == "GET" else ())):
            refusal = _json(405, {"error": "invalid_request", "error_description": f"{method} is possible here"})
            await Answer(405, refusal.body, ((b"allow", method.encode()),), _JSON)(scope, receive, send)
            return
        try:
            made = await answer(call)
        except OAuthError as error:
            _log.warning("request %s: no token: %s, %s", request_id(scope), error.code, error)
            if error.status == 401:
                refused(self._service, scope, error.status)
            made = _json(error.status, {"error": error.code, "error_description": str(error)})
        await made(scope, receive, send)


async def _configuration(call: Call) -> Answer:
    return _json(200, smart_configuration(call.base, call.service.types), kept=True)


async def _token(call: Call) -> Answer:
    form = await _form(call)
    return _json(200, await call.service.authority.endpoint.grant(form, f"{call.base}/{GRANT}"))


async def _introspection(call: Call) -> Answer:
    """What the caller's own tokens say (RFC 7662); one of another client is answered as one that is none."""
    authority = call.service.authority
    try:
        caller = await authority.gate.access(call.headers)
        asked = (await _form(call)).get("token", "")
    except Unauthenticated as error:
        return _json(401, {"error": "invalid_client", "error_description": str(error)})
    if not asked:
        raise OAuthError("invalid_request", "token is missing")
    token = authority.tokens.read(asked)
    if token is None or token.client_id != caller.client_id:
        return _json(200, {"active": False})
    told = {
        "scope": token.scope,
        "client_id": token.client_id,
        "sub": token.client_id,
        "iss": authority.tokens.audience,
    }
    return _json(200, {"active": True, **told, "exp": token.expires, "iat": int(token.issued), "token_type": "bearer"})


async def _form(call: Call) -> Mapping[str, str]:
    if call.header(b"content-type").partition(";")[0].strip().lower() != _FORM:
        raise OAuthError("invalid_request", f"send {_FORM}")
    try:
        pairs = await call.form_body(_LONGEST)
    except FhirError as fault:
        raise OAuthError("invalid_request", str(fault)) from None
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if name in _SINGLE and names.count(name) > 1}):
        raise OAuthError("invalid_request", f"{twice[0]} is there more than once")
    return dict(pairs)


def _json(status: int, content: Mapping[str, Any], *, kept: bool = False) -> Answer:
    return Answer(status, orjson.dumps(content), () if kept else _NOT_KEPT, _JSON)
