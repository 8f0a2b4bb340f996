"""One small JSON document from another server, asked for so that nobody can make this server ask where it should not.

Only hosts that the settings name are asked. What a name means is looked up once, every address has to be a public one,
and the connection goes to that address: a second look-up could give another. Redirects are not followed.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

_SECONDS = 5.0
_MOST_BYTES = 256 * 1024
_UNSAID_AGE = 300.0
_LONGEST_AGE = 86_400.0
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})")
_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out; what lies beside it means other things, IPv4 addresses among them (RFC 4291, 6052)."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotFetched(Exception):
    """It may not be asked for, or was not to be had; the text says why."""


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Names of servers that may be asked. Those of `private` may be in the own network, and loopback needs no TLS.
    `setting` is how the settings begin that name them."""

    public: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()
    setting: str = "FHIR_SERVICE_JWKS"


@dataclass(frozen=True, slots=True)
class Fetched:
    """`age` is how long it may be kept, in seconds (Cache-Control; without it five minutes, never over a day)."""

    body: bytes
    age: float


def check_url(url: str, allowed: AllowedHosts) -> SplitResult:
    """Raises NotFetched for a URL that is not asked."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise NotFetched("it is no URL") from None
    if not host or parts.username is not None or parts.fragment or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise NotFetched("it is no plain https URL")
    if host not in allowed.public | allowed.private:
        raise NotFetched(f"{host[:200]} is not among the hosts that may be asked ({allowed.setting}_HOSTS)")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in allowed.private):
        raise NotFetched("it is no https URL")
    return parts


def fetch_json(url: str, allowed: AllowedHosts) -> Fetched:
    """Blocks for some seconds at most. Raises NotFetched."""
    parts = check_url(url, allowed)
    deadline = time.monotonic() + _SECONDS
    host = (parts.hostname or "").lower()
    try:
        return _asked(parts, host, connected(parts, allowed, _SECONDS), deadline)
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise NotFetched(f"{host[:200]} does not answer as it should ({type(fault).__name__})") from fault


def connected(parts: SplitResult, allowed: AllowedHosts, seconds: float) -> socket.socket:
    """A connection to where a URL leads that was checked; nothing may take longer there. Raises NotFetched, OSError."""
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _address(host, port, allowed)
    if parts.scheme == "http" and not address.is_loopback:
        raise NotFetched("it is no https URL")
    return _connected(parts.scheme, host, (str(address), port), seconds)


def is_public(address: Address) -> bool:
    """Whether it is an address of the internet at large, and means no other that is not."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_public(inner)
        if address not in _UNICAST:
            return False
    return address.is_global and not address.is_multicast


def _address(host: str, port: int, allowed: AllowedHosts) -> Address:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise NotFetched(f"{host[:200]} has no address") from None
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if host not in allowed.private and not all(map(is_public, addresses)):
        raise NotFetched(f"{host[:200]} has a private address, and is not among {allowed.setting}_PRIVATE_HOSTS")
    return addresses[0]


def _connected(scheme: str, host: str, where: tuple[str, int], seconds: float) -> socket.socket:
    connection = socket.create_connection(where, timeout=seconds)
    if scheme == "http":
        return connection
    try:
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise


def _asked(parts: SplitResult, host: str, connection: socket.socket, deadline: float) -> Fetched:
    client = http.client.HTTPConnection(host, parts.port, timeout=_SECONDS)
    client.sock = connection
    end = threading.Timer(max(deadline - time.monotonic(), 0), _cut, (connection,))
    end.start()
    try:
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        client.request("GET", target, headers={"Host": parts.netloc, "Accept": "application/json"})
        answer = client.getresponse()
        if answer.status != http.client.OK:
            raise NotFetched(f"{host[:200]} answers {answer.status}")
        return Fetched(_body(answer, host), _age(answer.getheader("Cache-Control") or ""))
    finally:
        end.cancel()
        client.close()


def _cut(connection: socket.socket) -> None:
    """End what waits for an answer that comes byte by byte."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _body(answer: http.client.HTTPResponse, host: str) -> bytes:
    body = b""
    while piece := answer.read1(64 * 1024):
        body += piece
        if len(body) > _MOST_BYTES:
            raise NotFetched(f"{host[:200]} sends more than {_MOST_BYTES:,} bytes")
    return body


def _age(cache_control: str) -> float:
    told = cache_control.lower()
    if "no-store" in told or "no-cache" in told:
        return 0.0
    found = _MAX_AGE.search(told)
    return min(float(found[1]), _LONGEST_AGE) if found else _UNSAID_AGE
