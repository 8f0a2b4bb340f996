"""A program is registered that may ask for tokens."""

from __future__ import annotations

import json
import re

from fhir_service.fhir.errors import InvalidParameter
from fhir_service.search.scopes import InvalidScope, read_scopes, scope_text
from fhir_service.storage.clients import Client, Clients
from fhir_service.workflows.client_keys import UnusableKeys, read_key_set
from fhir_service.workflows.fetch_json import AllowedHosts, NotFetched, check_url

_ID = re.compile(r"[A-Za-z0-9._~:/-]{1,200}")


async def register_client(clients: Clients, client: Client, allowed: AllowedHosts) -> None:
    """Raises InvalidParameter for what could never work, EditConflict where the id is taken."""
    if not _ID.fullmatch(client.id):
        raise InvalidParameter("the id of a client is 1 to 200 letters, digits and . _ ~ : / -")
    if bool(client.jwks_url) == bool(client.jwks):
        raise InvalidParameter(
            "give the public keys of the client in one way: where they are (JWKS URL), or themselves"
        )
    try:
        scopes = read_scopes(client.scopes)
        jwks = _public_keys(client, allowed)
    except (InvalidScope, UnusableKeys) as fault:
        raise InvalidParameter(str(fault)) from None
    except NotFetched as fault:
        raise InvalidParameter(f"{client.jwks_url}: {fault}") from None
    for scope in scopes:
        if scope.context != "system":
            raise InvalidParameter(f"'{scope.text}': a program by itself has system/… scopes only")
    await clients.add(Client(client.id, client.name, scope_text(scopes), client.jwks_url, jwks))


def _public_keys(client: Client, allowed: AllowedHosts) -> str:
    """The keys as they are stored; nothing where they are elsewhere."""
    if client.jwks_url:
        check_url(client.jwks_url, allowed)
        return ""
    read_key_set(client.jwks, strict=True)
    return json.dumps(json.loads(client.jwks), separators=(",", ":"))
