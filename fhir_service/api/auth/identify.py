"""Who asks is found out before anything counts or answers; whether that is enough is for whoever answers to say."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_service.api.origin import CLIENT
from fhir_service.api.request_id import request_id
from fhir_service.api.service import Service
from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import FhirError, Unauthenticated

_log = logging.getLogger("fhir_service.access")
_ACCESS = "fhir_service.access"


class Identify:
    """Reads the token of a request below `prefix`, where there is one."""

    def __init__(self, app: ASGIApp, service: Service, prefix: str) -> None:
        self._app = app
        self._service = service
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            try:
                await identified(scope, self._service)
            except FhirError as error:
                if any(name == b"authorization" for name, _ in scope["headers"]):
                    _log.warning("request %s: a token was refused: %s", request_id(scope), error)
        await self._app(scope, receive, send)


async def identified(scope: Scope, service: Service) -> Access:
    """What whoever sent the request may do, noted in it, and found out once. Raises what is wrong with the token."""
    found = scope.get(_ACCESS)
    if found is None:
        try:
            found = await service.gate.access(scope["headers"])
        except FhirError as error:
            found = error
        scope[_ACCESS] = found
    access = access_in(scope)
    scope[CLIENT] = access.client_id
    return access


def access_in(scope: Scope) -> Access:
    """What whoever sent the request may do. Raises what was found to be wrong with the token, and Unauthenticated where
    nobody has looked."""
    found = scope.get(_ACCESS)
    if isinstance(found, FhirError):
        raise found
    if not isinstance(found, Access):
        raise Unauthenticated("nobody has found out who asks")
    return found
