"""The command `openapi`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def openapi() -> None:
    """Print the OpenAPI document of the REST API."""
    from fhir_service.api.app import openapi_document

    sys.stdout.buffer.write(openapi_document())
