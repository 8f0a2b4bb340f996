"""What uri parameters find: URIs as they are written (rest-rules URI-1, REF-4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fhir_service.search.collector import Collector, Reader, TextValue
from fhir_service.search.expressions import Path
from fhir_service.search.terms import text_scope, uri_term

if TYPE_CHECKING:
    from fhir_service.search.parameters import IndexedParameter

_URIS = frozenset({"uri", "url", "canonical", "oid", "uuid"})


def uri_reader(resource_type: str, parameters: Sequence[IndexedParameter], _path: Path) -> Reader:
    """Reads the values of one path for the uri parameters that share it. A canonical is found without its version too,
    and by what it starts with (`:below`)."""
    codes = [one.code for one in parameters]
    scopes = [text_scope(resource_type, name, "uri") for name in codes]

    def read(held: Any, found: Collector) -> None:
        if not isinstance(held, str) or not held:
            return
        for uri in dict.fromkeys((held, held.partition("|")[0])):
            found.terms += [uri_term(resource_type, name, uri) for name in codes]
        found.texts += [TextValue(scope, held) for scope in scopes]
        found.sort_by_text(codes, held, held)

    return read


def versioned_url_reader(resource_type: str, parameters: Sequence[IndexedParameter]) -> Reader:
    """Reads a resource that has a canonical URL and a version, to be found as `url|version`."""
    codes = [one.code for one in parameters]

    def read(resource: Any, found: Collector) -> None:
        url, version = resource.get("url"), resource.get("version")
        if isinstance(url, str) and isinstance(version, str):
            found.terms += [uri_term(resource_type, name, f"{url}|{version}") for name in codes]

    return read


def has_uris(fhir_type: str) -> bool:
    """Whether a uri parameter can read values of this type."""
    return fhir_type in _URIS
