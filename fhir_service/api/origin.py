"""Who asks: the client that a token names, else nobody in particular at an address."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple

from starlette.types import Scope

from fhir_service.api.request_id import request_id

CLIENT = "fhir_service.client"
"""In the scope: the id of the client, once its token was verified."""


def counted_as(client: str, address: str) -> str:
    """What requests are counted by: a client's id, or an address; of IPv6 the network, of which one machine may have
    all addresses."""
    return f"client {client}" if client else f"address {_network_of(address)}"


@lru_cache(4096)
def _network_of(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def address_of(scope: Scope) -> str:
    """The address the client comes from, a trusted proxy's word included; empty over a socket without any."""
    return str(scope["client"][0]) if scope.get("client") else ""


class Origin(NamedTuple):
    """Where a call comes from: a client's id where there is one, its address, and the id of the request."""

    client: str = ""
    address: str = ""
    request: str = ""


NOWHERE = Origin()


def origin_of(scope: Scope) -> Origin:
    return Origin(scope.get(CLIENT, ""), address_of(scope), request_id(scope))
