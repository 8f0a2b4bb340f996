"""Parameters that say not what is wanted but how it comes: pages, order, totals, parts (rest-rules section 5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fhir_service.fhir.errors import Issue
from fhir_service.search.criteria import Include, SortKey
from fhir_service.search.cursor import CURSOR
from fhir_service.search.includes import MAX_INCLUDES, read_include
from fhir_service.search.query_faults import (
    NotKnown,
    ignored,
    invalid,
    too_costly,
    unsupported,
    unsupported_modifier,
)
from fhir_service.search.sorting import MAX_SORT_KEYS, read_sort_key

Summary = Literal["", "true", "text", "data"]
_ELEMENT = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}(\.[A-Za-z][A-Za-z0-9]{0,63})?")
_SUMMARIES: dict[str, Summary] = {"true": "true", "text": "text", "data": "data", "false": "", "count": ""}
_MAX_ELEMENTS = 200


@dataclass(slots=True)
class ResultParameters:
    """What was asked for so far. `types` are those that are searched."""

    types: Sequence[str]
    count: int
    max_count: int
    count_only: bool = False
    total: str | None = None
    summary: Summary = ""
    elements: tuple[str, ...] = ()
    sort: list[SortKey] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    cursor: str = ""
    ignored: list[Issue] = field(default_factory=list)

    def read(self, code: str, modifier: str, value: str) -> str:
        """Take a parameter of READ; gives its value as it is applied.

        Raises NotKnown where it has to be left out, InvalidParameter, UnsupportedParameter, TooCostly.
        """
        if code in ("_include", "_revinclude"):
            return self._include(code, modifier, value)
        if modifier:
            raise unsupported_modifier(code, modifier)
        return READ[code](self, value)

    def _include(self, code: str, modifier: str, value: str) -> str:
        self.includes.append(read_include(code, modifier, value))
        if len(self.includes) > MAX_INCLUDES:
            raise too_costly(code, f"a search takes at most {MAX_INCLUDES} of them")
        return value

    def _count(self, value: str) -> str:
        if not (value.isascii() and value.isdigit()):
            raise invalid("_count", f"'{value[:40]}' is not a whole number from 0 up")
        number = min(int(value[:12]), self.max_count)
        if number == 0:
            self.count_only = True
        else:
            self.count = number
        return str(number)

    def _summary(self, value: str) -> str:
        if value not in _SUMMARIES:
            raise invalid("_summary", f"'{value[:40]}' is not count, false, true, text or data")
        self.summary = _SUMMARIES[value]
        self.count_only = self.count_only or value == "count"
        return value

    def _elements(self, value: str) -> str:
        names = [name.strip() for name in value.split(",") if name.strip()]
        if not names or not all(_ELEMENT.fullmatch(name) for name in names):
            raise invalid("_elements", f"'{value[:80]}' is not names of elements with commas between them")
        self.elements = tuple(dict.fromkeys((*self.elements, *names)))
        if len(self.elements) > _MAX_ELEMENTS:
            raise too_costly("_elements", f"it takes at most {_MAX_ELEMENTS} names")
        return value

    def _total(self, value: str) -> str:
        if value not in ("none", "estimate", "accurate"):
            raise invalid("_total", f"'{value[:40]}' is not none, estimate or accurate")
        self.total = value
        return value

    def _sort(self, value: str) -> str:
        applied = []
        for rule in (part.strip() for part in value.split(",")):
            if rule:
                try:
                    key = read_sort_key(self.types, rule)
                except NotKnown as fault:
                    self.ignored.append(ignored("_sort", str(fault)))
                    continue
                applied.append(rule)
                if key.parameter not in [known.parameter for known in self.sort]:
                    self.sort.append(key)
        if len(self.sort) > MAX_SORT_KEYS:
            raise too_costly("_sort", f"it takes at most {MAX_SORT_KEYS} rules")
        return ",".join(applied)

    def _contained(self, value: str) -> str:
        if value not in ("false", "true", "both"):
            raise invalid("_contained", f"'{value[:40]}' is not false, true or both")
        if value != "false":
            raise unsupported("_contained", "contained resources are not searched here")
        return value

    def _contained_type(self, value: str) -> str:
        if value not in ("container", "contained"):
            raise invalid("_containedType", f"'{value[:40]}' is not container or contained")
        raise NotKnown("contained resources are not searched here")

    def _cursor(self, value: str) -> str:
        self.cursor = value
        return value


def _as_it_is(_parameters: ResultParameters, value: str) -> str:
    return value


READ: dict[str, Callable[[ResultParameters, str], str]] = {
    "_count": ResultParameters._count,
    "_summary": ResultParameters._summary,
    "_elements": ResultParameters._elements,
    "_total": ResultParameters._total,
    "_sort": ResultParameters._sort,
    "_contained": ResultParameters._contained,
    "_containedType": ResultParameters._contained_type,
    "_format": _as_it_is,
    "_pretty": _as_it_is,
    CURSOR: ResultParameters._cursor,
}
RESULT_PARAMETERS = frozenset({*READ, "_include", "_revinclude"})
ONCE = frozenset(READ) - {"_sort", "_elements"}
"""Those of which the last one counts."""
