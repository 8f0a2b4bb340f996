"""The columns of the index tables on PostgreSQL, with the types that their values are sent as."""

from __future__ import annotations

WHOSE = {"resource_key": "bigint", "partition_key": "text"}
INDEX_COLUMNS: dict[str, dict[str, str]] = {
    "date_value": {"scope": "bigint", "low": "bigint", "high": "bigint"} | WHOSE,
    "number_value": {"scope": "bigint", "low": "float8", "high": "float8"} | WHOSE,
    "text_value": {"scope": "bigint", "head": "text", "digest": "bigint", "rest": "text"} | WHOSE,
    "link": {"scope": "bigint", "target_type": "text", "target_id": "text"} | WHOSE,
    "full_text": WHOSE | {"narrative": "text", "content": "text"},
}
