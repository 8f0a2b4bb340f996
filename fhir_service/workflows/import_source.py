"""Where an import reads from: a file of an allowed server, as a stream, or one in the folder that the settings name.

A server is asked under the guards of `fetch_json`. Nothing is kept: what has arrived is read and gone, and a stream
that ends before it should, stalls or is larger than is allowed is an error.
"""

from __future__ import annotations

import http.client
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple, cast

from fhir_service.workflows.fetch_json import AllowedHosts, NotFetched, check_url, connected

_STALL_SECONDS = 20.0
_SCHEME = "file:"
_CODINGS = {"": False, "identity": False, "gzip": True, "x-gzip": True}


@dataclass(frozen=True, slots=True)
class ImportSources:
    """What may be read: from these hosts, and below this folder (empty: none); at most so many bytes of one file, as
    they come in."""

    hosts: AllowedHosts
    folder: str = ""
    most_bytes: int = 16 * 1024**3


class Opened(NamedTuple):
    """A stream, and whether it is gzipped."""

    stream: BinaryIO
    gzipped: bool


def check_source(url: str, sources: ImportSources) -> None:
    """Raises NotFetched for what is never read."""
    if url.startswith(_SCHEME):
        _file(url, sources)
    else:
        check_url(url, sources.hosts)


def shown(url: str) -> str:
    """A URL without its query, which may hold a signature."""
    return url.partition("?")[0][:500]


@contextmanager
def open_source(url: str, sources: ImportSources) -> Iterator[Opened]:
    """Blocks while it reads. Raises NotFetched, OSError."""
    if url.startswith(_SCHEME):
        path = _file(url, sources)
        with path.open("rb") as file:
            yield Opened(file, path.name.endswith(".gz"))
        return
    parts = check_url(url, sources.hosts)
    client = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_STALL_SECONDS)
    client.sock = connected(parts, sources.hosts, _STALL_SECONDS)
    try:
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        accepted = {"Host": parts.netloc, "Accept": "application/fhir+ndjson", "Accept-Encoding": "gzip, identity"}
        client.request("GET", target, headers=accepted)
        answer = client.getresponse()
        if answer.status != http.client.OK:
            raise NotFetched(f"the server answers {answer.status}")
        coding = (answer.getheader("Content-Encoding") or "").strip().lower()
        if coding not in _CODINGS:
            raise NotFetched(f"the server sends it in the coding {coding[:40]}, which is not read")
        stream = io.BufferedReader(cast(io.RawIOBase, _Body(answer, sources.most_bytes)), 256 * 1024)
        yield Opened(cast(BinaryIO, stream), _CODINGS[coding] or parts.path.endswith(".gz"))
    except http.client.HTTPException as fault:
        raise NotFetched(f"the server does not answer as it should ({type(fault).__name__})") from fault
    finally:
        client.close()


class _Body(io.RawIOBase):
    """The body of an answer, which has to be as long as it says."""

    def __init__(self, answer: http.client.HTTPResponse, most: int) -> None:
        self._answer = answer
        self._wanted = answer.length
        self._most = most
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._answer.readinto(buffer)
        self._read += count
        if self._read > self._most:
            raise NotFetched(f"the file is larger than {self._most:,} bytes")
        if not count and self._wanted is not None and self._read < self._wanted:
            raise OSError("the connection was cut off")
        return count


def _file(url: str, sources: ImportSources) -> Path:
    """A file below the folder, whatever links stand there. Raises NotFetched."""
    name = url.removeprefix(_SCHEME)
    if not sources.folder:
        raise NotFetched("no folder may be read (FHIR_SERVICE_IMPORT_FOLDER)")
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or "\\" in name or "\0" in name or ".." in parts:
        raise NotFetched("it is no name of a file in the folder of imports, such as file:folder/Patient.ndjson")
    root = Path(sources.folder).resolve()
    path = root.joinpath(*parts).resolve()
    if root not in path.parents or not path.is_file():
        raise NotFetched("the folder of imports has no such file")
    return path
