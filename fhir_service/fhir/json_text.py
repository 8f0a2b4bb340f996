"""Resource text as it came in: minified, its id and meta spliced, every other byte kept.

A reader and writer of values would turn 1.00 into 1.0 and lose the order of keys; here the top-level members stay the
slices they were.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn

import msgspec

from fhir_service.fhir.errors import Issue, MalformedContent

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_exact = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_values = msgspec.json.Decoder(float_hook=Decimal)
_writer = msgspec.json.Encoder(decimal_format="number")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Splice:
    """The text of a resource around its version and time. Equal splices are equal resources, versions aside."""

    resource_type: str
    before: bytes
    after: bytes

    def text(self, version: int, last_updated: int) -> bytes:
        """The whole text; `last_updated` in milliseconds since 1970 UTC."""
        return b'%s%d","lastUpdated":"%s"%s' % (self.before, version, instant(last_updated).encode(), self.after)


def minified(raw: bytes) -> bytes:
    """The same JSON without white space between its tokens. Numbers, escapes and order stay as written.

    Raises MalformedContent for what is not JSON in UTF-8, and for the character U+0000, which no FHIR string may hold.
    """
    try:
        text = msgspec.json.format(raw, indent=-1)
        text.decode("utf-8")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _refuse(f"the resource is not JSON in UTF-8: {error}")
    if b"\\u0000" in text and _NUL.search(text):
        _refuse("a string holds the character U+0000, which FHIR does not allow; leave it out")
    return text


def splice_plain(text: bytes, value: dict[str, Any], resource_id: str) -> Splice:
    """The same, faster where it begins with its type, and then with that id or has none, and has no meta; `value` is
    what it says."""
    kind = value.get("resourceType")
    if "meta" not in value and isinstance(kind, str):
        head = b'{"resourceType":"%s"' % kind.encode()
        named = b'%s,"id":"%s"' % (head, resource_id.encode())
        sent = named if "id" in value else head
        if text.startswith(sent) and text[len(sent) : len(sent) + 1] in (b",", b"}"):
            return Splice(kind, named + b',"meta":{"versionId":"', b"}" + text[len(sent) :])
    return splice(text, resource_id)


def splice(text: bytes, resource_id: str) -> Splice:
    """A minified resource with that id, ready for its version and time.

    An id and a meta that came in keep their place, other members of meta stay; else they follow resourceType. Raises
    MalformedContent where the text is no object with a resourceType, or its meta is no object.
    """
    members = _read(text, "a resource is one JSON object")
    resource_type = _type_of(members)
    slices = {key: bytes(value) for key, value in members.items()}
    if "id" not in slices:
        slices = _inserted(slices, "id", "resourceType")
    slices["id"] = _writer.encode(resource_id)
    if "meta" not in slices:
        slices = _inserted(slices, "meta", "id")
    meta = _read(slices["meta"], "meta is one JSON object")
    kept = [_member(key, bytes(value)) for key, value in meta.items() if key not in ("versionId", "lastUpdated")]
    keys = list(slices)
    split = keys.index("meta")
    head = b",".join([_member(key, slices[key]) for key in keys[:split]] + [b'"meta":{"versionId":"'])
    tail = b"".join(b"," + part for part in kept) + b"}"
    rest = b"".join(b"," + _member(key, slices[key]) for key in keys[split + 1 :])
    return Splice(resource_type, b"{" + head, tail + rest + b"}")


def members(text: bytes, without: frozenset[str]) -> dict[str, bytes]:
    """The top-level members of a minified resource, as the slices they are, some left out."""
    every = _read(text, "a resource is one JSON object")
    return {name: bytes(value) for name, value in every.items() if name not in without}


def parse(text: bytes) -> dict[str, Any]:
    """The object of a JSON text that was checked before; numbers with a fraction or exponent are exact Decimals.

    Raises MalformedContent.
    """
    try:
        return _exact.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _refuse(f"the resource is not one JSON object: {error}")


def exact_value(text: bytes | msgspec.Raw) -> Any:
    """The value of any JSON text, its numbers as `parse` gives them. Raises msgspec.MsgspecError."""
    return _values.decode(text)


def encode(value: Any) -> bytes:
    """Minified JSON of plain values; a Decimal is written with the digits it has."""
    return _writer.encode(value)


def instant(milliseconds: int) -> str:
    """Milliseconds since 1970 UTC as a FHIR instant with three decimals."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(4096)
def _second(seconds: int) -> str:
    """What is written together is of the same second."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def instant_of(moment: datetime) -> str:
    """The same for an aware datetime."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read(text: bytes, rule: str) -> dict[str, msgspec.Raw]:
    try:
        return _members.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _refuse(f"{rule}: {error}")


def _type_of(members: dict[str, msgspec.Raw]) -> str:
    try:
        return msgspec.json.decode(members["resourceType"], type=str)
    except (KeyError, msgspec.MsgspecError, UnicodeDecodeError):
        _refuse("the resource has no resourceType")


def _inserted(slices: dict[str, bytes], key: str, after: str) -> dict[str, bytes]:
    placed: dict[str, bytes] = {}
    for name, value in slices.items():
        placed[name] = value
        if name == after:
            placed[key] = b"{}"
    return placed


def _member(key: str, value: bytes) -> bytes:
    return _writer.encode(key) + b":" + value


def _refuse(text: str) -> NoReturn:
    raise MalformedContent(text, issues=(Issue("fatal", "structure", text),))
