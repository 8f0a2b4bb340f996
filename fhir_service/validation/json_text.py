"""JSON text to plain values, strictly: nothing is guessed, nothing silently dropped, numbers stay exact."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

from fhir_service.fhir.errors import Issue, MalformedContent

MAX_DEPTH = 200
"""Objects and arrays inside one another. Real resources stay below 40."""

_LARGEST_EXPONENT = 308


def read_json(raw: bytes) -> Any:
    """The value of a JSON text in UTF-8: dict, list, str, int, Decimal (for every fraction or exponent), bool, None.

    Raises MalformedContent, with the place and a rule key, for anything RFC 8259 leaves to chance or forbids: keys
    twice in one object, NaN and Infinity, half surrogate pairs, invalid UTF-8, a byte order mark; and for nesting
    deeper than MAX_DEPTH or numbers beyond 10^308.
    """
    try:
        value = _decoder.decode(raw)
    except RecursionError:
        _refuse("depth", _TOO_DEEP)
    except InvalidOperation:
        _refuse("json", _TOO_LARGE)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _explain(raw, error)
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _is_too_deep(value):
        _refuse("depth", _TOO_DEEP)
    written = _encoder.encode(value)  # the text again, white space aside, unless a key was lost; or it is odd
    if written != raw and written != msgspec.json.format(raw, indent=-1):
        _refuse_repeated_keys(raw)
    return value


def refuse_deeper(raw: bytes, most: int) -> None:
    """Raises MalformedContent for a JSON text with more objects and arrays inside one another; of what is none, nothing
    is said."""
    if raw.count(b"[") + raw.count(b"{") <= most:
        return
    depth = 0
    for mark in _MARKS.findall(raw):
        if mark in (b"[", b"{"):
            depth += 1
            if depth > most:
                _refuse("depth", f"objects and arrays are nested deeper than {most} levels")
        elif mark in (b"]", b"}"):
            depth -= 1


_MARKS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
"""What opens and closes; texts, in which the same marks mean nothing, are taken whole."""
_TOO_DEEP = f"objects and arrays are nested deeper than {MAX_DEPTH} levels"
_TOO_LARGE = f"a number is beyond 10^{_LARGEST_EXPONENT}; write it with fewer digits or another unit"


def _exact(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise InvalidOperation
    return number


_decoder = msgspec.json.Decoder(float_hook=_exact)
_encoder = msgspec.json.Encoder(decimal_format="number")


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                inner.extend(node.values())
            elif isinstance(node, list):
                inner.extend(node)
        level = [node for node in inner if isinstance(node, dict | list)]
        if not level:
            return False
    return True


class _Repeated(dict[str, Any]):
    """An object in whose text a key stands twice."""

    key: str


def _refuse_repeated_keys(raw: bytes) -> None:
    faults: list[_Repeated] = []

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        fault = _Repeated(found)
        fault.key = Counter(key for key, _ in pairs).most_common(1)[0][0]
        faults.append(fault)
        return fault

    value = json.loads(raw, object_pairs_hook=object_of, parse_float=str)
    if faults:
        fault = faults[-1]
        where = _path_to(fault, value) or "the outermost object"
        _refuse("duplicate-key", f"the key {fault.key[:80]!r} stands more than once in {where}; keep one of them")


def _path_to(wanted: _Repeated, value: Any) -> str:
    """FHIRPath-like steps from the outermost value down to `wanted`."""
    waiting = [(value, "")]
    while waiting:
        node, path = waiting.pop()
        if node is wanted:
            return path
        if isinstance(node, dict):
            waiting.extend((child, f"{path}.{key}" if path else key) for key, child in node.items())
        elif isinstance(node, list):
            waiting.extend((child, f"{path}[{index}]") for index, child in enumerate(node))
    return ""


def _explain(raw: bytes, error: Exception) -> NoReturn:
    """Say what the fast reader tripped over, in words and with a place, from a second, slower reading."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw[:4]:
        _refuse("encoding", "the text is not UTF-8 but UTF-16 or UTF-32; send JSON in UTF-8")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        _refuse("encoding", f"byte {fault.start:,} of the text is not UTF-8; send JSON in UTF-8")
    if not text.strip():
        _refuse("json", "there is no content; send one JSON object")
    if text.startswith("\ufeff"):
        _refuse("encoding", "the text begins with a byte order mark; send UTF-8 without it")
    if isinstance(error, msgspec.ValidationError):
        _refuse("json", _TOO_LARGE)
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as fault:
        _refuse("json", f"not JSON at line {fault.lineno:,}, column {fault.colno:,}: {fault.msg}")
    except RecursionError:
        _refuse("depth", _TOO_DEEP)
    except ValueError:
        _refuse("json", _TOO_LARGE)
    _refuse(
        "encoding", "a \\u escape between \\ud800 and \\udfff stands without its other half; write the whole character"
    )


def _refuse_constant(name: str) -> NoReturn:
    _refuse("json", f"{name} is not a JSON number; leave the element out and say why with data-absent-reason")


def _refuse(rule: str, text: str) -> NoReturn:
    issue = Issue("fatal", "structure", text, rule=f"structure.{rule}")
    raise MalformedContent(text, issues=(issue,))
