"""What each R4 primitive type looks like in JSON (R4 datatypes.html).

The patterns are read by two engines, Rust's and Python's, so they name their characters instead of using \\s, \\d
or \\w, which differ between the two. They match a whole value and never backtrack far. Where HL7's own pattern is
looser than its prose, the prose wins: dates exist in the calendar, base64 has its padding at the end only, strings
hold no control characters. A blank is one of XML Schema's four (HL7's own v2 codes contain no-break spaces).
"""

from __future__ import annotations

from typing import Any

_VISIBLE = r"[^\x00-\x20\x7f]"
_TEXT = r"[^\x00-\x08\x0b\x0c\x0e-\x1f]+"
_YEAR = r"(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_LEAP_YEAR = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_MONTH = r"(?:0[1-9]|1[0-2])"
_DAY = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    rf"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_BASE64 = "[0-9A-Za-z+/]"
_GAP = r"[ \t\r\n]*"
_LARGEST = 2**31 - 1


def _string(pattern: str, form: str, *, longest: int | None = None) -> dict[str, Any]:
    limit = {} if longest is None else {"maxLength": longest}
    return {"json": "string", "pattern": pattern, **limit, "form": form}


def _integer(smallest: int, form: str) -> dict[str, Any]:
    return {"json": "integer", "minimum": smallest, "maximum": _LARGEST, "form": form}


_URI = rf"{_VISIBLE}+"

PRIMITIVES: dict[str, dict[str, Any]] = {
    "base64Binary": _string(
        rf"{_GAP}(?:{_BASE64}{{4}}{_GAP})*(?:{_BASE64}{{4}}|{_BASE64}{{3}}=|{_BASE64}{{2}}==){_GAP}",
        "base64 text, padded with = to a multiple of four characters",
    ),
    "boolean": {"json": "boolean", "form": "true or false, without quotes"},
    "canonical": _string(_URI, "a canonical URL without blanks"),
    "code": _string(
        rf"{_VISIBLE}+(?: {_VISIBLE}+)*", "a code without blanks at either end and with single blanks inside"
    ),
    "date": _string(
        rf"{_YEAR}(?:-{_MONTH})?|{_DAY}", "a date that exists: YYYY, YYYY-MM or YYYY-MM-DD, for instance 2024-02-29"
    ),
    "dateTime": _string(
        rf"{_YEAR}(?:-{_MONTH})?|{_DAY}(?:T{_TIME}{_ZONE})?",
        "a date that exists (YYYY, YYYY-MM, YYYY-MM-DD), or one with time, seconds and zone, "
        "for instance 2024-02-29T13:05:00+01:00",
    ),
    "decimal": {"json": "number", "form": "a JSON number, without quotes"},
    "id": _string(r"[A-Za-z0-9\-.]{1,64}", "1 to 64 characters out of A-Z a-z 0-9 - ."),
    "instant": _string(
        rf"{_DAY}T{_TIME}{_ZONE}", "a full date, time to the second and zone, for instance 2024-02-29T13:05:00Z"
    ),
    "integer": _integer(-(2**31), f"a whole JSON number from {-(2**31)} to {_LARGEST}, without quotes or fraction"),
    "markdown": _string(_TEXT, "text that is not empty and holds no control characters", longest=1024 * 1024),
    "oid": _string(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+", "an OID as URI, for instance urn:oid:1.2.3"),
    "positiveInt": _integer(1, f"a whole JSON number from 1 to {_LARGEST}, without quotes or fraction"),
    "string": _string(
        _TEXT, "text that is not empty, holds no control characters and is at most 1,048,576 long", longest=1024 * 1024
    ),
    "time": _string(_TIME, "a time of day with seconds and without zone, for instance 13:05:00"),
    "unsignedInt": _integer(0, f"a whole JSON number from 0 to {_LARGEST}, without quotes or fraction"),
    "uri": _string(_URI, "a URI without blanks"),
    "url": _string(_URI, "a URL without blanks"),
    "uuid": _string(
        r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "a UUID as URI in lower case, for instance urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    ),
    "xhtml": _string(_TEXT, "an XHTML fragment in a div"),
}
