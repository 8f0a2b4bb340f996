"""What a reverse proxy says of the client it stands before: its address, and the scheme and host that it asked for.

Only a peer of the setting trusted_proxies is believed, and only in the one kind of header that the setting
proxy_headers names: a proxy that writes one kind hands on what a client has sent in the other.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_service.fhir.errors import MalformedContent

Header = tuple[bytes, bytes]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_PAIR = re.compile(r'\s*([A-Za-z-]+)=("[^"\\]*"|[^\s;,"]*)\s*')
_HEADERS = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto")


@dataclass(frozen=True, slots=True)
class Hop:
    """One proxy's word: who came to it, by which scheme, asking for which host; empty where it does not say."""

    client: str = ""
    scheme: str = ""
    host: str = ""


class Told(NamedTuple):
    """A request as the client made it: its address and scheme, empty where nobody says, and the headers."""

    client: str
    scheme: str
    headers: list[Header]


class Proxies:
    """Those that are believed, in headers of that kind."""

    def __init__(self, proxies: Iterable[str], kind: str) -> None:
        self._networks = tuple(ipaddress.ip_network(proxy) for proxy in proxies)
        self._hops = _HOPS[kind]

    def trusts(self, address: str) -> bool:
        return bool(self._networks) and _is_in(address, self._networks)

    def told(self, headers: Iterable[Header]) -> Told:
        """What a trusted proxy says by these headers. Of several proxies the last that is not trusted itself is the
        client. Raises MalformedContent where that cannot be read."""
        headers = list(headers)
        hop = self._outermost(self._hops(headers))
        kept = [(name, value) for name, value in headers if name not in _HEADERS]
        if hop.host:
            kept = [(b"host", hop.host.encode("latin-1")), *(one for one in kept if one[0] != b"host")]
        return Told(hop.client, hop.scheme, kept)

    def _outermost(self, hops: list[Hop]) -> Hop:
        """The hop of the first proxy of ours; what stands before it may be anybody's invention."""
        for number in range(len(hops) - 1, -1, -1):
            if not self.trusts(hops[number].client):
                return hops[number]
        return hops[0] if hops else Hop()


class TrustedProxies:
    """Puts the client's address, scheme and Host where the rest of the service looks for them. Raises MalformedContent
    as `Proxies.told` does."""

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._proxies.trusts(scope["client"][0] if scope.get("client") else ""):
            told = self._proxies.told(scope["headers"])
            if told.client:
                scope["client"] = (told.client, 0)
            if told.scheme:
                scope["scheme"] = told.scheme
            scope["headers"] = told.headers
        await self._app(scope, receive, send)


@lru_cache(1024)
def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:  # as a socket for both kinds tells of it
        found = found.ipv4_mapped
    return any(found in network for network in networks)


def _forwarded(headers: list[Header]) -> list[Hop]:
    """RFC 7239 section 4."""
    hops = []
    for element in _fields(headers, b"forwarded"):
        found: dict[str, str] = {}
        for part in element.split(";"):
            pair = _PAIR.fullmatch(part)
            if pair is None:
                raise MalformedContent("the Forwarded header cannot be read (RFC 7239)")
            found[pair[1].lower()] = pair[2].strip('"')
        hops.append(Hop(_address(found.get("for", "")), _scheme(found.get("proto", "")), found.get("host", "")))
    return hops


def _x_forwarded(headers: list[Header]) -> list[Hop]:
    """A scheme and a host for each address where there are as many; else the last, of the nearest proxy."""
    clients = [_address(one) for one in _fields(headers, b"x-forwarded-for")] or [""]
    schemes = _one_each(_fields(headers, b"x-forwarded-proto"), len(clients))
    hosts = _one_each(_fields(headers, b"x-forwarded-host"), len(clients))
    return [Hop(*said) for said in zip(clients, map(_scheme, schemes), hosts, strict=True)]


def _one_each(values: list[str], count: int) -> list[str]:
    return values if len(values) == count else [values[-1] if values else ""] * count


_HOPS: dict[str, Callable[[list[Header]], list[Hop]]] = {"x-forwarded": _x_forwarded, "forwarded": _forwarded}


def _fields(headers: list[Header], wanted: bytes) -> list[str]:
    values = b",".join([value for name, value in headers if name == wanted]).decode("latin-1")
    return [part.strip() for part in values.split(",") if part.strip()]


def _scheme(text: str) -> str:
    if text.lower() not in ("", "http", "https"):
        raise MalformedContent("the proxy in front of this server names a scheme that is neither http nor https")
    return text.lower()


def _address(text: str) -> str:
    """Without port and brackets; empty for what is no address, such as `unknown` or a hidden name."""
    bare = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    for candidate in (bare, bare.rpartition(":")[0]):
        try:
            return str(ipaddress.ip_address(candidate))
        except ValueError:
            continue
    return ""
