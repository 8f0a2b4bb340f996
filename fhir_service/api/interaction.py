"""One row of the routing table: what is asked for, who answers, and what is told of it.

The dispatcher routes by these rows; the CapabilityStatement and the OpenAPI document are made from them, so that
neither can promise what is not routed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from starlette.types import ASGIApp

from fhir_service.api.call import Call

Handler = Callable[[Call], Awaitable[ASGIApp]]
Body = Literal["", "resource", "bundle", "form", "patch", "parameters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """`path` is below the FHIR base, with `{type}`, `{id}`, `{version}` and `{member}` for what differs between calls.

    `code` is of http://hl7.org/fhir/restful-interaction, or of no code system where the row is an operation or the
    CapabilityStatement itself. An operation has the canonical URL of its definition. `types` limits a row to some
    resource types. `parameters` and `headers` name what the OpenAPI document lists; `answers` are the statuses of
    success, `errors` those of failure beyond the ones that every row can give.
    """

    code: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    handle: Handler
    summary: str
    definition: str = ""
    types: frozenset[str] | None = None
    body: Body = ""
    parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    answers: tuple[int, ...] = (200,)
    errors: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """The path with `*` for what differs."""
        return tuple("*" if part.startswith("{") else part for part in self.path.split("/")) if self.path else ()
