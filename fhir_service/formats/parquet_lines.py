"""Lines of JSON resources as a Parquet table: resourceType, id, lastUpdated, and the resource itself, byte for byte.

DuckDB writes it from a file on disk, in row groups, so that no table is held in memory. It is imported where it is
used: it takes longer to load than most commands to run.
"""

from __future__ import annotations

from pathlib import Path

_MEMORY = "128MB"
_ROWS_IN_GROUP = 10_000
_SMALLEST_LONGEST = 1024 * 1024


def write_parquet_lines(lines: Path, out: Path, longest: int) -> None:
    """Turn a file of one minified resource a line into `out`. `longest` is the length of its longest line in bytes.
    Raises OSError."""
    import duckdb  # noqa: PLC0415  # see above

    columns = (
        "json->>'$.resourceType' AS \"resourceType\", json->>'$.id' AS id, "
        "CAST(json->>'$.meta.lastUpdated' AS TIMESTAMPTZ) AS \"lastUpdated\", json::VARCHAR AS resource"
    )
    largest = max(longest + 2, _SMALLEST_LONGEST)
    source = f"read_json_objects({_quoted(lines)}, format = 'newline_delimited', maximum_object_size = {largest})"
    with duckdb.connect() as database:
        database.execute(f"SET memory_limit = '{_MEMORY}'")
        database.execute(f"SET temp_directory = {_quoted(out.parent)}")
        database.execute("SET threads = 1")
        database.execute("SET autoinstall_known_extensions = false")
        options = f"FORMAT parquet, ROW_GROUP_SIZE {_ROWS_IN_GROUP}, COMPRESSION zstd"
        try:
            database.execute(f"COPY (SELECT {columns} FROM {source}) TO {_quoted(out)} ({options})")
        except duckdb.IOException as error:
            raise OSError(f"{out} cannot be written") from error


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
