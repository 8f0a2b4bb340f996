"""The log: a line of JSON for each thing that is told, on stderr.

Of an exception the kind and the places in the code are told. Its text is left out unless everything is logged
(log_level=debug): it may quote a resource.
"""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from typing import Any

import orjson

_QUIET = ("uvicorn.access",)
"""Loggers that write whole addresses, and with them what was searched for."""


class JsonLines(logging.Formatter):
    """Renders a record as one line; `extra={"fields": …}` are members of it."""

    def __init__(self, *, texts_of_errors: bool) -> None:
        super().__init__()
        self._texts_of_errors = texts_of_errors

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = self._error(record.exc_info[1])
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()

    def _error(self, error: BaseException) -> dict[str, Any]:
        frames = traceback.extract_tb(error.__traceback__)
        told: dict[str, Any] = {
            "type": f"{type(error).__module__}.{type(error).__qualname__}",
            "at": [f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
        }
        if self._texts_of_errors:
            told["text"] = str(error)
        cause = error.__cause__ or error.__context__
        return told | ({"cause": self._error(cause)} if cause is not None else {})


def log_as_json(level: str) -> None:
    """Everything that this process logs, from `level` on, as lines of JSON on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(texts_of_errors=level == "debug"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).disabled = True
