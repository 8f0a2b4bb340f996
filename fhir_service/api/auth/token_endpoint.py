"""Tokens for programs (SMART 2.2.0, Backend Services: `client_credentials` with `private_key_jwt`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_service.api.auth.assertions import Assertions
from fhir_service.api.auth.oauth_errors import OAuthError
from fhir_service.api.auth.tokens import Tokens
from fhir_service.search.scopes import InvalidScope, read_scopes, scope_text, within

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NEEDED = ("client_assertion_type", "client_assertion", "scope")


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Answers requests for a token."""

    assertions: Assertions
    tokens: Tokens

    async def grant(self, form: Mapping[str, str], token_url: str) -> Mapping[str, Any]:
        """The token, and what it is good for: what is asked for, as far as the client was registered for it.

        Raises OAuthError.
        """
        if not form.get("grant_type"):
            raise OAuthError("invalid_request", "grant_type is missing; it is client_credentials")
        if form["grant_type"] != "client_credentials":
            raise OAuthError("unsupported_grant_type", "grant_type is client_credentials here, and nothing else")
        for name in _NEEDED:
            if not form.get(name):
                raise OAuthError("invalid_request", f"{name} is missing")
        if form["client_assertion_type"] != _ASSERTION_TYPE:
            raise OAuthError("invalid_request", f"client_assertion_type is {_ASSERTION_TYPE}")
        client = await self.assertions.client(form["client_assertion"], token_url)
        scope = _granted(form["scope"], client.scopes)
        return {
            "access_token": self.tokens.issue(client.id, scope),
            "token_type": "bearer",
            "expires_in": self.tokens.seconds,
            "scope": scope,
        }


def _granted(asked: str, allowed: str) -> str:
    try:
        wanted = read_scopes(asked)
        granted = within(wanted, read_scopes(allowed))
    except InvalidScope as fault:
        raise OAuthError("invalid_scope", str(fault)) from None
    if not granted:
        raise OAuthError("invalid_scope", "the client is registered for nothing of what is asked for")
    return scope_text(granted)
