"""Rows of several views, staged on disk, joined by one query into a CSV or Parquet file.

DuckDB does the join; what does not fit into its memory it spills to disk. It is imported where it is used: it takes
longer to load than most commands to run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import msgspec

Format = Literal["csv", "parquet"]
FORMATS: Mapping[str, Format] = {".csv": "csv", ".parquet": "parquet"}
"""By suffix of the file."""
_MEMORY = "512MB"
_PARQUET_TYPES = {"string": "VARCHAR", "decimal": "DOUBLE", "boolean": "BOOLEAN"}
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
"""How a cell begins that a spreadsheet would run: text of a report must not be run."""


class TableColumn(NamedTuple):
    """A column of the result: `string`, `decimal` or `boolean`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class StagedRows:
    """A file of one JSON object a line, its cells strings, or lists of strings where `columns` says so."""

    file: Path
    columns: Mapping[str, bool]


class RowStager:
    """Takes the rows of one view and writes them to a file; `with` closes it."""

    def __init__(self, file: Path, columns: Mapping[str, bool]) -> None:
        self.staged = StagedRows(file, columns)
        self._encoder = msgspec.json.Encoder()
        self._out: IO[bytes] = file.open("wb")

    def add(self, row: Mapping[str, Any]) -> None:
        """One row: strings, lists of strings, None."""
        self._out.write(self._encoder.encode(row) + b"\n")

    def close(self) -> None:
        self._out.close()


def write_joined_table(
    out: Path,
    tables: Mapping[str, StagedRows],
    query: str,
    columns: Sequence[TableColumn],
    *,
    scratch: Path,
) -> int:
    """Run `query`, which names the tables and gives texts under the names of `columns`; returns how many rows it wrote.

    In CSV a text that begins as a formula has an apostrophe in front; numbers keep the digits that they have. `out` is
    replaced when all is written, `scratch` is a folder for what is spilled. Raises OSError.
    """
    import duckdb  # noqa: PLC0415  # see above

    form = FORMATS[out.suffix.lower()]
    partial = out.with_name(f".{out.name}.partial")
    with duckdb.connect() as database:
        database.execute(f"SET memory_limit = '{_MEMORY}'")
        database.execute(f"SET temp_directory = {_quoted(scratch)}")
        database.execute("SET autoinstall_known_extensions = false")
        for name, rows in tables.items():
            database.execute(_view(name, rows))
        cells = ", ".join(_cell(column, form) for column in columns)
        options = "FORMAT csv, HEADER true" if form == "csv" else "FORMAT parquet"
        try:
            found = database.execute(
                f"COPY (SELECT {cells} FROM ({query})) TO {_quoted(partial)} ({options})"
            ).fetchone()
            partial.replace(out)
        except duckdb.IOException as error:
            raise OSError(f"{out} cannot be written") from error
        finally:
            partial.unlink(missing_ok=True)
    return int(found[0]) if found else 0


def _view(name: str, rows: StagedRows) -> str:
    types = ", ".join(f"{column}: '{'VARCHAR[]' if many else 'VARCHAR'}'" for column, many in rows.columns.items())
    return (
        f"CREATE VIEW {name} AS SELECT * FROM "
        f"read_json({_quoted(rows.file)}, format = 'newline_delimited', columns = {{{types}}})"
    )


def _cell(column: TableColumn, form: Format) -> str:
    if form == "parquet":
        return f"CAST({column.name} AS {_PARQUET_TYPES[column.type]}) AS {column.name}"
    if column.type == "string":
        return (
            f"CASE WHEN regexp_matches({column.name}, '{_FORMULA}') THEN '''' || {column.name} "
            f"ELSE {column.name} END AS {column.name}"
        )
    return column.name


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
