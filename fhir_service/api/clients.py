"""Who asks: the client that a token names, else nobody in particular at an address."""

from __future__ import annotations

from starlette.types import Scope

CLIENT = "fhir_service.client"
"""In the scope: the id of the client, once its token was verified."""


def client_of(scope: Scope) -> str:
    """What requests are counted by: a client's id, or an address."""
    return f"client {scope[CLIENT]}" if scope.get(CLIENT) else f"address {address_of(scope)}"


def address_of(scope: Scope) -> str:
    """The address the client comes from, a trusted proxy's word included; empty over a socket without any."""
    return str(scope["client"][0]) if scope.get("client") else ""
