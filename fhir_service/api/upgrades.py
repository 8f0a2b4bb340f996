"""Requests of who would rather speak another protocol, such as h2c: answered in this one (RFC 9110 section 7.8).

The parser takes all that stands behind the head of such a request for the other protocol, so its body would be lost, or
read as another request. Java's own client sends its first request so, with its body.
"""

from __future__ import annotations

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TUNNEL = b"CONNECT"


class NoUpgrade(HttpToolsProtocol):
    """A connection that stays with HTTP/1.1."""

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            if self.parser.get_method() == _TUNNEL:
                self.send_400_response("")
            else:
                self._read_as_usual(data[upgrade.args[0] :])
        except HttpParserError:
            self.send_400_response("")

    @property
    def wants_upgrade(self) -> bool:
        """Whether what is read now is such a request, which is none until it is read as usual."""
        return self.parser.should_upgrade()

    def _read_as_usual(self, rest: bytes) -> None:
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [line, *[b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn
        NoUpgrade.data_received(self, b"\r\n".join(lines) + b"\r\n\r\n" + rest)
