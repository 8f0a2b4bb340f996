"""The lines of a file while it comes in: unpacked, each one JSON of the type that was announced, and counted."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import msgspec

from fhir_service.workflows.bulk_client.errors import BadFile, CutOff

_PIECE = 1024 * 1024
_LONGEST_LINE = 256 * 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class _Line(msgspec.Struct, rename="camel"):
    resource_type: str


_decoder = msgspec.json.Decoder(_Line)


class Lines:
    """Checks the lines of one file. `expected` is how many there are to be, None where nobody said."""

    def __init__(self, kind: str, expected: int | None) -> None:
        self.count = 0
        self._kind = kind
        self._expected = expected
        self._rest = bytearray()

    def feed(self, text: bytes) -> None:
        """Raises BadFile for a line that is not of the type, or that is one too many."""
        whole, newline, rest = text.rpartition(b"\n")
        if newline:
            self._rest += whole
            for line in bytes(self._rest).split(b"\n"):
                self._check(line)
            self._rest.clear()
        self._rest += rest
        if len(self._rest) > _LONGEST_LINE:
            raise BadFile(f"a line of a file is longer than {_LONGEST_LINE:,} bytes")

    def end(self) -> None:
        """Nothing more comes. Raises CutOff where lines are missing, or the last one is not whole."""
        try:
            self._check(bytes(self._rest))
        except BadFile as fault:
            raise CutOff(str(fault)) from None
        self._rest.clear()
        if self._expected is not None and self.count < self._expected:
            raise CutOff(f"{self.count:,} lines came, and the manifest says {self._expected:,}")

    def _check(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            kind = _decoder.decode(line).resource_type
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise BadFile(f"line {self.count + 1:,} is no resource in JSON") from None
        if kind != self._kind:
            raise BadFile(f"line {self.count + 1:,} is of the type {kind[:80]!r}, and not {self._kind}")
        self.count += 1
        if self._expected is not None and self.count > self._expected:
            raise BadFile(f"it has more lines than the {self._expected:,} that the manifest says")


class Unpacked:
    """Takes gzip apart, in pieces of a bounded size however small they were packed."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP)

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Raises CutOff for what is no gzip."""
        while packed:
            try:
                piece = self._stream.decompress(packed, _PIECE)
            except zlib.error:
                raise CutOff("it cannot be unpacked") from None
            if piece:
                yield piece
            packed = self._stream.unconsumed_tail
            if self._stream.eof:  # another one may follow (RFC 1952 section 2.2)
                packed = self._stream.unused_data
                self._stream = zlib.decompressobj(_GZIP) if packed else self._stream

    def end(self) -> Iterator[bytes]:
        """What was held back. Raises CutOff where the end is missing."""
        if piece := self._stream.flush():
            yield piece
        if not self._stream.eof:
            raise CutOff("it ends in the middle")
