"""`_sort` (rest-rules SORT-1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from fhir_service.search.criteria import SortKey
from fhir_service.search.parameters import indexed_parameters
from fhir_service.search.query_faults import NotKnown

MAX_SORT_KEYS = 5
_COLUMNS: dict[str, Literal["id", "last_updated"]] = {"_id": "id", "_lastUpdated": "last_updated"}
_KINDS: dict[str, Literal["number", "text"]] = {
    **dict.fromkeys(("date", "number", "quantity"), "number"),
    **dict.fromkeys(("token", "string", "uri", "reference"), "text"),
}


def read_sort_key(types: Sequence[str], text: str) -> SortKey:
    """One of the rules between commas. Raises NotKnown where one of the types cannot be ordered by it."""
    descending, code = text.startswith("-"), text.removeprefix("-")
    if code in _COLUMNS:
        return SortKey(code, _COLUMNS[code], descending)
    kinds = set()
    for kind in types:
        parameter = indexed_parameters(kind).get(code)
        if parameter is None or parameter.by_sound or parameter.type not in _KINDS:
            raise NotKnown(f"{kind} cannot be sorted by {code} here")
        kinds.add(_KINDS[parameter.type])
    if len(kinds) != 1:
        raise NotKnown(f"{code} is not of one kind in all these types")
    return SortKey(code, kinds.pop(), descending)
