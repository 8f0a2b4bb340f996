"""Which format a client wants and which one it sent (R4 http.html#mime-type): JSON or XML.

`_format` goes before Accept. A type is accepted with the `fhirVersion` of R4, or none. Where a client likes both alike,
or is a browser, it gets JSON.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl

from fhir_service.fhir.errors import InvalidParameter, NotAcceptable, UnsupportedMediaType

FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"
NDJSON = "application/fhir+ndjson"
FORM = "application/x-www-form-urlencoded"

Syntax = Literal["json", "xml"]

_TYPES: dict[str, Syntax] = {
    FHIR_JSON: "json",
    "application/json": "json",
    "text/json": "json",
    "application/json+fhir": "json",
    FHIR_XML: "xml",
    "application/xml": "xml",
    "text/xml": "xml",
    "application/xml+fhir": "xml",
}
_WORDS: dict[str, Syntax] = {"json": "json", "xml": "xml"}
_NDJSON = frozenset({NDJSON, "application/fhir-ndjson", "application/ndjson", "application/x-ndjson", "ndjson"})
"""How lines of JSON are called: by HL7, in a diagram of HL7's registry guide, and by others."""
_BROWSER = "text/html"
_R4 = frozenset({"4.0", "4.0.0", "4.0.1"})
_BOTH = f"this server speaks {FHIR_JSON} and {FHIR_XML} (fhirVersion=4.0)"


class MediaType(NamedTuple):
    """`type/subtype` in lower case, and its parameters, names in lower case."""

    name: str
    parameters: dict[str, str]

    @property
    def is_r4(self) -> bool:
        return self.parameters.get("fhirversion", "4.0") in _R4


class Format(NamedTuple):
    """How an answer is written."""

    syntax: Syntax = "json"
    pretty: bool = False

    @property
    def media_type(self) -> str:
        return FHIR_XML if self.syntax == "xml" else FHIR_JSON


PLAIN = Format()


def wanted_format(accept: str, query: str) -> Format:
    """What Accept (empty: anything will do), or `_format` and `_pretty` of a query string, ask for.

    Raises NotAcceptable where that is neither JSON nor XML, InvalidParameter for another `_pretty` than true and false.
    """
    if "_format" not in query and "_pretty" not in query and "%5" not in query:
        return _of_accept(accept) if accept else PLAIN
    return format_of(dict(parse_qsl(query, errors="replace")), accept)


def format_of(parameters: dict[str, str], accept: str) -> Format:
    """The same with the parameters as they are after decoding."""
    named, pretty = parameters.get("_format"), parameters.get("_pretty", "false")
    if pretty not in ("true", "false"):
        raise InvalidParameter(f"_pretty is '{pretty[:80]}'; it is true or false", expression=("http._pretty",))
    chosen = _of_name(named) if named else _of_accept(accept)
    return chosen._replace(pretty=pretty == "true")


def body_syntax(content_type: str) -> Syntax:
    """What a body is announced as. Raises UnsupportedMediaType unless it is JSON or XML of R4 in UTF-8."""
    media = media_type(content_type)
    if media.name not in _TYPES:
        sent = f"'{content_type[:80]}'" if content_type else "missing"
        raise UnsupportedMediaType(f"Content-Type is {sent}; send {FHIR_JSON} or {FHIR_XML}")
    if media.parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("the body has to be UTF-8")
    if not media.is_r4:
        raise UnsupportedMediaType("the body has to be of fhirVersion 4.0")
    return _TYPES[media.name]


def is_ndjson(content_type: str) -> bool:
    """Whether a body or a file is announced as lines of JSON."""
    return media_type(content_type).name in _NDJSON


def wants_ndjson(accept: str, query: str) -> bool:
    """Whether lines of JSON are among what a client takes."""
    named = dict(parse_qsl(query, errors="replace")).get("_format")
    if named:
        return media_type(named.strip().replace(" ", "+")).name in _NDJSON
    ranges = [media_type(part) for part in accept.split(",")]
    return any(range_.name in _NDJSON and quality(range_.parameters) > 0 for range_ in ranges)


def require_form(content_type: str) -> None:
    """Raises UnsupportedMediaType unless a body is announced as a form."""
    if media_type(content_type).name != FORM:
        raise UnsupportedMediaType(f"Content-Type is '{content_type[:80]}'; send {FORM}")


@lru_cache(256)
def media_type(text: str) -> MediaType:
    """A media type or range as it stands in a header."""
    name, *rest = text.split(";")
    parameters = {}
    for part in rest:
        key, _, value = part.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"')
    return MediaType(name.strip().lower(), parameters)


def quality(parameters: dict[str, str]) -> float:
    """The weight `q` of a range in Accept or Accept-Encoding (RFC 9110 section 12.4.2), 0 where it is none."""
    try:
        weight = float(parameters.get("q", "1"))
    except ValueError:
        return 0
    return weight if 0 <= weight <= 1 else 0


@lru_cache(256)
def _of_accept(accept: str) -> Format:
    ranges = [media_type(part) for part in accept.split(",")]
    understood = [range_ for range_ in ranges if range_.is_r4]
    weights = {syntax: _weight(syntax, understood) for syntax in ("json", "xml")}
    best = max(weights.values())
    if best <= 0:
        raise NotAcceptable(f"Accept is '{accept[:80]}'; {_BOTH}")
    is_browser = any(range_.name == _BROWSER for range_ in ranges) and not any(
        "fhir" in range_.name for range_ in ranges
    )
    if weights["json"] == best or (is_browser and weights["json"] > 0):
        return PLAIN
    return Format("xml")


def _weight(syntax: str, ranges: list[MediaType]) -> float:
    """The best weight among the ranges that say the most about a syntax: its types, then `application/*`, then all."""
    for names in (
        {name for name, of in _TYPES.items() if of == syntax},
        {"application/*", "text/*"},
        {"*/*"},
    ):
        if found := [quality(range_.parameters) for range_ in ranges if range_.name in names]:
            return max(found)
    return 0


def _of_name(text: str) -> Format:
    """A `+` in a URL stands for a blank, so that `application/fhir json` is what many clients send."""
    media = media_type(text.strip().replace(" ", "+"))
    syntax = _WORDS.get(media.name) or _TYPES.get(media.name)
    if syntax is None or not media.is_r4:
        raise NotAcceptable(f"_format is '{text[:80]}'; {_BOTH}", expression=("http._format",))
    return Format(syntax)
