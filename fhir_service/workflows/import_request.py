"""What an import is asked for: the kick-off of the Bulk Data Import draft, as JSON or as Parameters, read and judged.

https://github.com/smart-on-fhir/bulk-import/blob/master/import.md
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from fhir_service.fhir.errors import InvalidParameter, MalformedContent, UnsupportedParameter
from fhir_service.fhir.parameters import Parameter, Parameters
from fhir_service.workflows.fetch_json import NotFetched
from fhir_service.workflows.import_source import ImportSources, check_source

KIND = "import"
"""The name of these jobs."""
_FORMATS = ("application/fhir+ndjson", "application/ndjson", "ndjson")
_MOST_INPUTS = 1000
_LONGEST = 4000
_MEMBERS = ("inputFormat", "inputSource", "storageDetail", "input")
_STORAGE = ("https", "file")
_CODINGS = ("gzip", "identity")


class ImportInput(msgspec.Struct, frozen=True):
    """A file of resources of one type."""

    type: str
    url: str


class ImportRequest(msgspec.Struct, frozen=True):
    """What a job imports, as its row keeps it. `url` is that of the kick-off and `base` the server's address, `request`
    and `client` who asked, for the AuditEvents."""

    url: str
    base: str
    source: str
    inputs: tuple[ImportInput, ...]
    needs_token: bool = False
    request: str = ""
    client: str = ""
    address: str = ""

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def read_request(text: str) -> ImportRequest:
    """The request of a job."""
    return msgspec.json.decode(text, type=ImportRequest)


def asked(value: Any, types: Collection[str], sources: ImportSources) -> tuple[str, tuple[ImportInput, ...]]:
    """inputSource and the files, of the body as JSON. `types` are those that are served.

    Raises MalformedContent, InvalidParameter, UnsupportedParameter.
    """
    if not isinstance(value, dict):
        raise MalformedContent("send one JSON object with inputFormat, inputSource and input, or Parameters with them")
    _known(value, _MEMBERS, "")
    form = _text(value, "inputFormat", "inputFormat")
    if form not in _FORMATS:
        raise UnsupportedParameter(
            f"inputFormat is '{form[:80]}'; it is one of {', '.join(_FORMATS)}", expression=("inputFormat",)
        )
    source = _text(value, "inputSource", "inputSource")
    _check_storage(value.get("storageDetail", {"type": "https"}))
    inputs = value.get("input")
    if not isinstance(inputs, list) or not 0 < len(inputs) <= _MOST_INPUTS:
        raise _invalid("input", f"it has to list 1 to {_MOST_INPUTS:,} files, each with type and url")
    return source, tuple(_input(one, f"input[{place}]", types, sources) for place, one in enumerate(inputs))


def plain(parameters: Parameters) -> dict[str, Any]:
    """Parameters in the shape of the draft's JSON. Raises InvalidParameter."""
    found: dict[str, Any] = {}
    for item in parameters.items:
        value = _parts(item) if item.part else item.value
        if item.name == "input":
            found.setdefault("input", []).append(value)
        elif item.name in found:
            raise _invalid(item.name[:80], "it is given more than once")
        else:
            found[item.name] = value
    return found


def _parts(item: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in item.part:
        if part.name == "contentEncoding":
            found.setdefault(part.name, []).append(part.value)
        elif part.name in found:
            raise _invalid(f"{item.name}.{part.name}"[:80], "it is given more than once")
        else:
            found[part.name] = part.value
    return found


def _check_storage(storage: Any) -> None:
    if not isinstance(storage, dict):
        raise _invalid("storageDetail", "it has to be an object with a type")
    _known(storage, ("type", "contentEncoding"), "storageDetail.")
    kind = _text(storage, "type", "storageDetail.type")
    if kind not in _STORAGE:
        text = f"storageDetail.type is '{kind[:80]}'; it is one of {', '.join(_STORAGE)}"
        raise UnsupportedParameter(text, expression=("storageDetail.type",))
    codings = storage.get("contentEncoding", [])
    if not isinstance(codings, list) or any(one not in _CODINGS for one in codings):
        raise _invalid("storageDetail.contentEncoding", f"it lists some of {', '.join(_CODINGS)}")


def _input(value: Any, place: str, types: Collection[str], sources: ImportSources) -> ImportInput:
    if not isinstance(value, dict):
        raise _invalid(place, "it has to be an object with type and url")
    _known(value, ("type", "url"), f"{place}.")
    kind, url = _text(value, "type", f"{place}.type"), _text(value, "url", f"{place}.url")
    if kind not in types:
        raise _invalid(f"{place}.type", f"{kind[:80]} is not served here (FHIR_SERVICE_RESOURCE_TYPES)")
    try:
        check_source(url, sources)
    except NotFetched as fault:
        raise _invalid(f"{place}.url", str(fault)) from None
    return ImportInput(kind, url)


def _known(value: Mapping[str, Any], names: Collection[str], place: str) -> None:
    for name in value:
        if name not in names:
            text = f"{place}{name[:80]} is not known; there are {', '.join(names)}"
            raise UnsupportedParameter(text, expression=(f"{place}{name[:80]}",))


def _text(value: Mapping[str, Any], name: str, place: str) -> str:
    found = value.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST:
        raise _invalid(place, f"it has to be a text of at most {_LONGEST:,} characters")
    return found


def _invalid(place: str, reason: str) -> InvalidParameter:
    return InvalidParameter(f"{place}: {reason}", expression=(place,))
