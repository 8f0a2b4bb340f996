"""The order of a result, and where a page in it begins (keyset paging).

Every order is total: last comes `resource_key`, in the direction of the last sort key. What has no value comes last in
either direction. A row that nobody changes keeps its place whatever others do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from fhir_service.search.criteria import SortKey
from fhir_service.search.cursor import Cursor
from fhir_service.search.parameters import sort_date_parameter
from fhir_service.search.query import TypeSearch
from fhir_service.storage.index_rows import NO_HIGH, NO_LOW
from fhir_service.storage.sessions import Row
from fhir_service.storage.sql_text import Values, all_of, any_of

_KEY, SORTED_FROM = 6, 8
"""Where the key is in a row of a result, and where the values begin that it is sorted by."""
SortValue = Callable[[SortKey, str, Values], str]
"""Writes how a database gets what a row is sorted by: its id, or a value in `sort_values`."""


@dataclass(frozen=True, slots=True)
class Column:
    """One thing to sort by. `absent` is what stands for no value where the column cannot be NULL."""

    expression: str
    descending: bool
    absent: int | None = None
    indexed: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """The order of one type's rows."""

    columns: tuple[Column, ...]
    key: str

    @property
    def backwards(self) -> bool:
        """Whether keys descend where all else is equal."""
        return bool(self.columns) and self.columns[-1].descending

    @property
    def indexed(self) -> bool:
        """Whether an index has this order."""
        return not self.columns or (len(self.columns) == 1 and self.columns[0].indexed)

    @property
    def expressions(self) -> str:
        """What goes after the columns of a row."""
        return "".join(f", {column.expression}" for column in self.columns)

    def words(self) -> str:
        parts = [
            f"{column.expression} {_direction(column.descending)}{' NULLS LAST' if column.nullable else ''}"
            for column in self.columns
        ]
        return ", ".join([*parts, f"{self.key} {_direction(self.backwards)}"])

    def after(self, cursor: Cursor | None, values: Values) -> list[str]:
        """The rows behind a place."""
        if cursor is None:
            return []
        sign = "<" if self.backwards else ">"
        if not self.columns:
            return [f"{self.key} {sign} {values(cursor.resource_key)}"]
        if self.indexed:
            column = self.columns[0]
            place = values(_given(column, cursor.values[0])), values(cursor.resource_key)
            return [
                f"({column.expression}, {self.key}) {sign} ({', '.join(place)})",
                f"{column.expression} {sign}= {place[0]}",
            ]
        alternatives = []
        same: list[str] = []
        for column, value in zip(self.columns, cursor.values, strict=True):
            given = _given(column, value)
            if given is not None:
                parameter = values(given)
                behind = f"{column.expression} {'<' if column.descending else '>'} {parameter}"
                null = [f"{column.expression} IS NULL"] if column.nullable else []
                alternatives.append(all_of([*same, any_of([behind, *null])]))
                same = [*same, f"{column.expression} = {parameter}"]
            else:
                same = [*same, f"{column.expression} IS NULL"]
        alternatives.append(all_of([*same, f"{self.key} {sign} {values(cursor.resource_key)}"]))
        return [any_of(alternatives)]


def order_of(search: TypeSearch, values: Values, sort_value: SortValue, row: str = "c", key: str = "") -> Order:
    """The order of rows whose columns are those of `row`; `key` is their key, where it is not one of these."""
    columns = (_column(search.resource_type, one, row, values, sort_value) for one in search.sort)
    return Order(tuple(columns), key or f"{row}.resource_key")


def _column(resource_type: str, wanted: SortKey, row: str, values: Values, sort_value: SortValue) -> Column:
    if wanted.kind == "last_updated":
        return Column(f"{row}.last_updated", wanted.descending, indexed=True)
    if wanted.kind == "number" and wanted.parameter == sort_date_parameter(resource_type):
        name, absent = ("sort_high", NO_HIGH) if wanted.descending else ("sort_low", NO_LOW)
        return Column(f"{row}.{name}", wanted.descending, absent, indexed=True)
    return Column(sort_value(wanted, row, values), wanted.descending, nullable=wanted.kind != "id")


def place_of(row: Row, order: Order) -> Cursor:
    """The place of a row of the result."""
    found = row[SORTED_FROM : SORTED_FROM + len(order.columns)]
    shown = (None if value == column.absent else value for value, column in zip(found, order.columns, strict=True))
    return Cursor(tuple(shown), row[_KEY])


def merged(places: Sequence[tuple[Cursor, Any]], sort: Sequence[SortKey]) -> list[tuple[Cursor, Any]]:
    """Rows of several results in their common order."""

    def compare(one: tuple[Cursor, Any], other: tuple[Cursor, Any]) -> int:
        for key, mine, theirs in zip(sort, one[0].values, other[0].values, strict=True):
            if mine != theirs:
                return _before(mine, theirs, key.descending)
        keys = one[0].resource_key, other[0].resource_key
        return _before(*keys, bool(sort) and sort[-1].descending)

    return sorted(places, key=cmp_to_key(compare))


def _before(mine: Any, theirs: Any, descending: bool) -> int:
    if mine is None or theirs is None:
        return 1 if mine is None else -1
    smaller = mine < theirs
    return -1 if smaller != descending else 1


def _given(column: Column, value: Any) -> Any:
    if column.absent is None:
        return value
    return column.absent if value is None else int(value)


def _direction(descending: bool) -> str:
    return "DESC" if descending else "ASC"
