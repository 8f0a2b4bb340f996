"""The head of a request, read once: a client sends the same lines again and again, but for the length of a body.

What is kept are the lines behind the request line. A head that is known byte for byte means what it meant before, so
nothing is parsed twice; what they mean was found out by the parser that reads every other request.
"""

from __future__ import annotations

import re
from functools import lru_cache

import httptools

from fhir_service.api.allowed_hosts import host_name
from fhir_service.api.content_encodings import chosen_coding
from fhir_service.api.content_negotiation import PLAIN, wanted_format
from fhir_service.api.request_id import decent_id
from fhir_service.api.trusted_proxies import Header, Proxies, Told
from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import FhirError, MalformedContent
from fhir_service.settings import Settings

_LONGEST = 4096
_MOST_KEPT = 1024
_LINE = b"GET / HTTP/1.1"
_END = b"\r\n\r\n"
_ONCE = frozenset({b"accept", b"accept-encoding", b"authorization", b"host", b"if-none-match", b"x-request-id"})
_OUT_OF_THE_ORDINARY = frozenset(
    {b"content-length", b"expect", b"if-modified-since", b"origin", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
"""Headers that somebody on the long way has something to say about."""
_LENGTHS = (b"\r\ncontent-length: %d\r\n", b"\r\nContent-Length: %d\r\n")
_FOLDS = (b" ", b"\t")
"""What a line begins with that belongs to the one before."""
_REQUEST = re.compile(
    rb"(?P<method>GET|POST|PUT|PATCH|DELETE) (?P<path>/[A-Za-z0-9$_.*/\-]*)"
    rb"(?:\?(?P<query>[A-Za-z0-9!$%&'()*+,\-./:;=?@_~|]*))? HTTP/1\.1"
)
"""A request line in which nothing has to be decoded but the query."""


class PlainHead:
    """What the headers of a plain request say. Values are as they were sent, empty where there are none; so are the
    `client` and the `scheme` that a proxy tells of."""

    __slots__ = (
        *("accept", "authorization", "client", "coding", "headers", "host", "if_none_match", "may", "request_id"),
        "scheme",
    )

    def __init__(self, told: Told) -> None:
        said = dict(told.headers)
        self.client, self.scheme, self.headers = told
        self.host = said[b"host"]
        self.accept = said.get(b"accept", b"").decode("latin-1")
        self.authorization = said.get(b"authorization", b"")
        self.if_none_match = said.get(b"if-none-match", b"").decode("latin-1")
        self.request_id = decent_id(said.get(b"x-request-id", b""))
        self.coding = chosen_coding(said[b"accept-encoding"].decode("latin-1")) if b"accept-encoding" in said else ""
        self.may: tuple[Access | None, dict[str, bool]] = (None, {})
        """Of which types whoever has that access may read every resource."""


class PlainHeads:
    """Those of one process."""

    def __init__(self, settings: Settings, proxies: Proxies) -> None:
        self._limits = settings
        self._proxies = proxies
        self._hosts = frozenset(name.lower() for name in settings.allowed_hosts)
        self._known: dict[bytes, PlainHead | None] = {}
        self._known_of_proxies: dict[bytes, PlainHead | None] = {}

    def find(self, lines: bytes, address: str) -> PlainHead | None:
        """What these lines say that came from there, from the end of the request line to the end of the head; None
        where that is not plain, or not one head."""
        trusted = self._proxies.trusts(address)
        known = self._known_of_proxies if trusted else self._known
        try:
            return known[lines]
        except KeyError:
            pass
        if len(lines) > _LONGEST or not lines.endswith(_END):
            return None
        if len(known) >= _MOST_KEPT:
            known.clear()
        found = known[lines] = self._read(lines, trusted=trusted)
        return found

    def find_with_body(self, lines: bytes, size: int, address: str) -> PlainHead | None:
        """The same for lines that announce a body of that size; None where they say it in any unusual way."""
        for form in _LENGTHS:
            said = form % size
            at = lines.find(said)
            if at >= 0:
                rest = lines[at + len(said) - 2 :]
                return None if rest[2:3] in _FOLDS else self.find(lines[:at] + rest, address)
        return None

    def _read(self, lines: bytes, *, trusted: bool) -> PlainHead | None:
        headers = _headers(lines)
        if headers is None or not self._is_small(headers):
            return None
        try:
            told = self._proxies.told(headers) if trusted else Told("", "", headers)
        except MalformedContent:
            return None
        return PlainHead(told) if self._is_plain(told.headers) else None

    def _is_small(self, headers: list[Header]) -> bool:
        size = sum([len(name) + len(value) for name, value in headers])
        return len(headers) <= self._limits.max_headers and size <= self._limits.max_header_bytes

    def _is_plain(self, headers: list[Header]) -> bool:
        names = [name for name, _ in headers]
        if any(name in _OUT_OF_THE_ORDINARY or (name in _ONCE and names.count(name) > 1) for name in names):
            return False
        said = dict(headers)
        if said.get(b"connection", b"keep-alive").lower() != b"keep-alive" or names.count(b"connection") > 1:
            return False
        return host_name(said.get(b"host", b"")) in self._hosts and _is_json(said.get(b"accept", b""))


class _Reading:
    """What the parser tells of one request."""

    def __init__(self) -> None:
        self.headers: list[Header] = []
        self.messages = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        self.messages += 1


def _headers(lines: bytes) -> list[Header] | None:
    """None where this is not exactly one head, after which the connection is kept."""
    reading = _Reading()
    parser = httptools.HttpRequestParser(reading)
    try:
        parser.feed_data(_LINE + lines)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    one = reading.messages == 1 and lines.find(_END) == len(lines) - len(_END)
    return reading.headers if one and parser.should_keep_alive() else None


def request_line(line: bytes) -> tuple[str, str, str] | None:
    """Method, path and query of a request of HTTP/1.1; None for other methods, and for what would have to be
    decoded."""
    found = _REQUEST.fullmatch(line)
    return (found[1].decode("ascii"), found[2].decode("ascii"), (found[3] or b"").decode("ascii")) if found else None


@lru_cache(256)
def _is_json(accept: bytes) -> bool:
    try:
        return wanted_format(accept.decode("latin-1"), "") == PLAIN
    except FhirError:
        return False
