"""Which format a client wants and which one it sent (R4 http.html#mime-type). So far there is JSON.

`_format` goes before Accept. A type is accepted with any `fhirVersion` of the R4 line, or none.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from fhir_service.fhir.errors import NotAcceptable, UnsupportedMediaType

FHIR_JSON = "application/fhir+json"

_JSON_TYPES = frozenset({FHIR_JSON, "application/json", "text/json", "application/json+fhir"})
_JSON_RANGES = _JSON_TYPES | {"*/*", "application/*", "text/*"}
_FORMAT_WORDS = frozenset({"json", "html/json"})
_R4 = frozenset({"4.0", "4.0.0", "4.0.1"})
FORM = "application/x-www-form-urlencoded"


class MediaType(NamedTuple):
    """`type/subtype` in lower case, and its parameters, names in lower case."""

    name: str
    parameters: dict[str, str]

    @property
    def is_r4(self) -> bool:
        return self.parameters.get("fhirversion", "4.0") in _R4


def require_acceptable(accept: str, format_parameter: str | None) -> None:
    """Raises NotAcceptable where neither `_format` nor Accept allows JSON. Both may be empty: anything will do."""
    if format_parameter:
        if not _is_json_format(format_parameter):
            raise NotAcceptable(f"_format is '{format_parameter[:80]}'; this server speaks {FHIR_JSON}")
    elif accept and not _accepts_json(accept):
        raise NotAcceptable(f"Accept is '{accept[:80]}'; this server speaks {FHIR_JSON} (fhirVersion=4.0)")


def require_json(content_type: str) -> None:
    """Raises UnsupportedMediaType unless a body is announced as JSON of R4 in UTF-8."""
    media = media_type(content_type)
    if media.name not in _JSON_TYPES:
        sent = f"'{content_type[:80]}'" if content_type else "missing"
        raise UnsupportedMediaType(f"Content-Type is {sent}; send {FHIR_JSON}")
    if media.parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("the body has to be UTF-8")
    if not media.is_r4:
        raise UnsupportedMediaType("the body has to be of fhirVersion 4.0")


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


@lru_cache(256)
def _accepts_json(accept: str) -> bool:
    ranges = [media_type(part) for part in accept.split(",")]
    return any(range_.name in _JSON_RANGES and range_.is_r4 and _quality(range_) > 0 for range_ in ranges)


def _quality(range_: MediaType) -> float:
    try:
        return float(range_.parameters.get("q", "1"))
    except ValueError:
        return 0


def _is_json_format(text: str) -> bool:
    """A `+` in a URL stands for a blank, so that `application/fhir json` is what many clients send."""
    media = media_type(text.replace(" ", "+"))
    return media.name in _FORMAT_WORDS | _JSON_TYPES and media.is_r4
