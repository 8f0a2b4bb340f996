"""Load over HTTP: so many kept connections, each of which sends its next request when it has its answer.

Sockets and one epoll instead of an HTTP client, since the load comes from the machine that is measured: about 15 µs a
request. What the server spends is read from /proc, so that a figure of its own remains where others use the machine.
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 32
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: answers, in how long, the wait for each in ms, and the CPU µs the server spent on each."""

    answers: int
    seconds: float
    median: float
    late: float
    """The 99th percentile of the wait."""
    cpu: float

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


def request(method: str, url: str, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of a request; of a header's name `_` is written `-`."""
    target = urlsplit(url)
    lines = [f"{method} {target.path}{'?' + target.query if target.query else ''} HTTP/1.1", f"host: {target.netloc}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One client, which has a request under way at all times."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parts: list[bytes] = []
        self._missing = 0
        self.begun = 0.0

    def send(self, data: bytes) -> None:
        self.begun = time.perf_counter()
        self.socket.sendall(data)

    def take(self) -> bytes | None:
        """The whole answer, or None while there is more to come."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the server closed the connection")
        self._parts.append(part)
        if self._missing:
            self._missing -= len(part)
        else:
            data = part if len(self._parts) == 1 else b"".join(self._parts)
            end = data.find(b"\r\n\r\n")
            if end < 0:
                return None
            length = _LENGTH.search(data, 0, end + 2)
            if length is None and b" 304 " in data[:16]:
                self._parts.clear()
                return data
            if length is None:
                raise ConnectionError(f"an answer without its length: {data[:200]!r}")
            self._missing = end + 4 + int(length[1]) - len(data)
        if self._missing:
            return None
        answer = b"".join(self._parts)
        self._parts.clear()
        return answer


def load(
    url: str,
    requests: Sequence[bytes],
    process: int,
    *,
    status: int = 200,
    seconds: float = 2.0,
    most: int = 10**9,
    connections: int = CONNECTIONS,
) -> Load:
    """Send `requests` again and again, for so long or until so many are answered. Raises ConnectionError for an answer
    of another status: a benchmark of refusals would be fast."""
    target = urlsplit(url)
    address = (target.hostname or "", target.port or 80)
    wanted = b" %d " % status
    waits: list[float] = []
    sent = 0
    with selectors.DefaultSelector() as selector:
        clients = [Connection(address) for _ in range(min(connections, most))]
        before, begun = cpu_seconds(process), time.perf_counter()
        for one in clients:
            one.send(requests[sent % len(requests)])
            sent += 1
            selector.register(one.socket, selectors.EVENT_READ, one)
        under_way = len(clients)
        while under_way:
            for key, _ in selector.select():
                one = key.data
                if (answer := one.take()) is None:
                    continue
                now = time.perf_counter()
                if wanted not in answer[:16]:
                    raise ConnectionError(f"answered {answer[:600]!r}")
                waits.append(now - one.begun)
                if now - begun < seconds and sent < most:
                    one.send(requests[sent % len(requests)])
                    sent += 1
                else:
                    under_way -= 1
        taken, spent = time.perf_counter() - begun, cpu_seconds(process) - before
        for one in clients:
            one.socket.close()
    late = statistics.quantiles(waits, n=100)[98] if len(waits) > 1 else waits[0]
    return Load(len(waits), taken, statistics.median(waits) * 1e3, late * 1e3, spent / len(waits) * 1e6)


def ask(url: str, data: bytes, status: int = 200) -> bytes:
    """The body that one request is answered with. Raises ConnectionError for another status."""
    target = urlsplit(url)
    one = Connection((target.hostname or "", target.port or 80))
    try:
        one.send(data)
        while (answer := one.take()) is None:
            pass
    finally:
        one.socket.close()
    if b" %d " % status not in answer[:16]:
        raise ConnectionError(f"answered {answer[:600]!r}")
    return answer.partition(b"\r\n\r\n")[2]


def cpu_seconds(process: int) -> float:
    """What a process has used until now, its threads included."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resident_megabytes(process: int) -> float:
    """The memory that it holds now."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def own_megabytes(process: int) -> float:
    """The same without what it maps of files, such as SQLite's, which the system takes back when it wants."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1e3 if found else 0.0
