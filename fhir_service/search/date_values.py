"""What date parameters find: ranges of milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fhir_service.search.collector import Collector, Reader, intervals
from fhir_service.search.dates import ranges
from fhir_service.search.expressions import Path
from fhir_service.search.terms import interval_scope

if TYPE_CHECKING:
    from fhir_service.search.parameters import IndexedParameter


def date_reader(resource_type: str, parameters: Sequence[IndexedParameter], path: Path) -> Reader:
    """Reads the values of one path for the date parameters that share it."""
    codes = [one.code for one in parameters]
    scopes = [interval_scope(resource_type, name) for name in codes]

    def read(held: Any, found: Collector) -> None:
        for low, high in ranges(path.type, held):
            found.dates += intervals(scopes, low, high)
            found.sort_by(codes, low, high)

    return read
