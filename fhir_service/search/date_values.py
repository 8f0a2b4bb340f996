"""What date parameters find: ranges of milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_service.search.collector import Collector, IntervalValue, Reader
from fhir_service.search.dates import ranges
from fhir_service.search.expressions import Path
from fhir_service.search.terms import interval_scope


def date_reader(resource_type: str, parameters: Sequence[str], path: Path) -> Reader:
    """Reads the values of one path for the date parameters that share it."""
    scopes = [interval_scope(resource_type, name) for name in parameters]

    def read(held: Any, found: Collector) -> None:
        for low, high in ranges(path.type, held):
            found.dates += [IntervalValue(scope, low, high) for scope in scopes]
            found.sort_by(parameters, low, high)

    return read
