"""What a person names (files, folders, patterns, `-`) to the texts of resources, one at a time and never too large."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from glob import glob, has_magic
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fhir_service.fhir.errors import Issue

STDIN = "-"
LINES = (".ndjson", ".jsonl")
"""How files end that hold a resource a line."""
_SUFFIXES = (".json", ".xml", *LINES)
_BLANK = b"\xef\xbb\xbf \t\r\n"
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)


class ResourceText(NamedTuple):
    """A resource as it was sent, where it begins, or why it cannot be read; `size` is what was read of the file."""

    file: str
    line: int
    content: bytes
    size: int
    fault: Issue | None = None

    @property
    def is_xml(self) -> bool:
        return self.file.removesuffix(".gz").endswith(".xml") or self.content[:64].lstrip(_BLANK)[:1] == b"<"


def named_files(names: Iterable[str], suffixes: tuple[str, ...] = _SUFFIXES) -> Iterator[str | ResourceText]:
    """The files that are meant, in order; a name that leads to none is one that cannot be read. Of a folder, and those
    below it, every file that ends in one of `suffixes`, also with .gz; of a pattern whatever fits."""
    for name in names:
        path = Path(name)
        if not name:
            yield _unread(name, "a file has a name")
        elif name == STDIN or path.is_file():
            yield name
        elif path.is_dir():
            found = sorted(str(inner) for inner in path.rglob("*") if _is_read(inner, suffixes))
            yield from found or (_unread(name, f"the folder has no file that ends in {', '.join(suffixes)}"),)
        elif has_magic(name) and not path.exists():
            fitting = sorted(file for file in glob(name, recursive=True) if Path(file).is_file())
            yield from fitting or (_unread(name, "no file fits the pattern"),)
        else:
            yield name


def total_size(files: Iterable[str | ResourceText]) -> int | None:
    """Bytes of all files together, None where that is not known before."""
    size = 0
    for file in files:
        if isinstance(file, ResourceText):
            continue
        path = Path(file)
        if file == STDIN or not path.is_file():
            return None
        size += path.stat().st_size
    return size


def texts_of(files: Iterable[str | ResourceText], *, max_bytes: int) -> Iterator[ResourceText]:
    """Each resource of each file: a document of JSON or XML, or one a line where the name ends in .ndjson or .jsonl;
    .gz behind that is unpacked. Standard input is one a line where its first line begins and ends with a brace.

    What cannot be opened or unpacked, or is larger than `max_bytes`, comes as a fault, so that a run over many goes on.
    """
    for file in files:
        if isinstance(file, ResourceText):
            yield file
            continue
        try:
            with _opened(file) as raw:
                yield from _texts(file, raw, max_bytes)
        except OSError as error:
            yield _unread(file, f"it cannot be read ({error.strerror or error})")


def lines_in(file: str, raw: BinaryIO, max_bytes: int, *, gzipped: bool, after: int = 0) -> Iterator[ResourceText]:
    """The resources of a stream, one a line, behind the line `after`; faults as in `texts_of`."""
    stream: BinaryIO = gzip.GzipFile(fileobj=raw) if gzipped else raw  # type: ignore[assignment]  # reads alike
    line = 0
    try:
        for number, content in _lines(stream, max_bytes, 0):
            line = number
            if number > after:
                yield _document(file, content, max_bytes, 0, number)
    except _DAMAGED as error:
        yield _damaged(file, line + 1, 0, error)


def in_pieces(texts: Iterable[ResourceText], most: int, most_bytes: int) -> Iterator[list[ResourceText]]:
    """Neighbours together, at most so many and, but for the last of each, so many bytes."""
    piece: list[ResourceText] = []
    size = 0
    for text in texts:
        piece.append(text)
        size += len(text.content)
        if len(piece) >= most or size >= most_bytes:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _opened(file: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if file == STDIN else Path(file).open("rb")


def _texts(file: str, raw: BinaryIO, max_bytes: int) -> Iterator[ResourceText]:
    stream: BinaryIO = gzip.GzipFile(fileobj=raw) if file.endswith(".gz") else raw  # type: ignore[assignment]  # reads alike
    read = _reader_of_sizes(file, raw)
    line = 0
    try:
        if file == STDIN:
            first = stream.readline(max_bytes + 1)
            if not _is_an_object(first):
                yield _document(file, first + stream.read(max(0, max_bytes + 1 - len(first))), max_bytes, 0)
                return
            yield _document(file, first, max_bytes, len(first))
            line = 1
        elif not file.removesuffix(".gz").endswith(LINES):
            yield _document(file, stream.read(max_bytes + 1), max_bytes, 0)._replace(size=read())
            return
        for number, content in _lines(stream, max_bytes, line):
            line = number
            yield _document(file, content, max_bytes, read(), number)
        if not line:
            yield ResourceText(file, 0, b"", 0, Issue("warning", "informational", "the file holds no resource"))
    except _DAMAGED as error:
        yield _damaged(file, line + 1, read(), error)


def _lines(stream: BinaryIO, max_bytes: int, line: int) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their numbers; of one that is too long not more than shows that it is."""
    while content := stream.readline(max_bytes + 1):
        line += 1
        rest = content
        while len(rest) > max_bytes and not rest.endswith(b"\n"):
            rest = stream.readline(max_bytes + 1)
        if content.strip():
            yield line, content.rstrip(b"\r\n")


def _reader_of_sizes(file: str, raw: BinaryIO) -> Callable[[], int]:
    """How many bytes of the file itself were read since the last call."""
    done = 0

    def read() -> int:
        nonlocal done
        before, done = done, 0 if file == STDIN else raw.tell()
        return done - before

    return read


def _document(file: str, content: bytes, max_bytes: int, size: int, line: int = 1) -> ResourceText:
    if len(content) <= max_bytes:
        return ResourceText(file, line, content, size)
    text = f"it is larger than {max_bytes:,} bytes (FHIR_SERVICE_MAX_BODY_BYTES)"
    return ResourceText(file, line, b"", size, Issue("fatal", "too-long", text, (), "file.too-large"))


def _is_an_object(line: bytes) -> bool:
    return line.lstrip(_BLANK).startswith(b"{") and line.rstrip().endswith(b"}")


def _is_read(path: Path, suffixes: tuple[str, ...]) -> bool:
    return path.name.removesuffix(".gz").endswith(suffixes) and path.is_file()


def _damaged(file: str, line: int, size: int, error: Exception) -> ResourceText:
    text = f"the gzip data is damaged or cut off ({error}); what follows was not read"
    return ResourceText(file, line, b"", size, Issue("fatal", "incomplete", text, (), "file.damaged"))


def _unread(file: str, why: str) -> ResourceText:
    return ResourceText(file, 0, b"", 0, Issue("fatal", "not-found", why, (), "file.unread"))
