"""One row of the routing table: what is asked for, who answers, and what is told of it.

The dispatcher routes by these rows; the CapabilityStatement and the OpenAPI document are made from them, so that
neither can promise what is not routed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Literal

from starlette.types import ASGIApp

from fhir_service.api.auth.needs import Needs
from fhir_service.api.call import Call
from fhir_service.api.operation_input import Input

Handler = Callable[[Call], Awaitable[ASGIApp]]
Body = Literal["", "resource", "bundle", "form", "patch", "parameters", "report", "file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """`path` is below the FHIR base, with `{type}`, `{id}`, `{version}` and `{member}` for what differs between calls.

    `code` is of http://hl7.org/fhir/restful-interaction, or of no code system where the row is an operation or the
    CapabilityStatement itself. An operation has the canonical URL of its definition, one of ours under
    the default base. `types` limits a row to some of the types that are served; a type that the path spells out need
    not be served otherwise. `parameters` and `headers` name what the OpenAPI document lists, `inputs` are those of an
    operation; `answers` are the statuses of success, `errors` those of failure beyond the ones that every row can give.
    With `ndjson` what is answered with 200 are lines of JSON. `needs` is what a caller has to be allowed;
    without it nobody can call the row with a token.
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
    inputs: tuple[Input, ...] = ()
    headers: tuple[str, ...] = ()
    answers: tuple[int, ...] = (200,)
    errors: tuple[int, ...] = ()
    ndjson: bool = False
    needs: Needs | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The path with `*` for what differs; a type that is spelled out differs too, by `types`."""
        parts = self.path.split("/") if self.path else []
        return tuple("*" if part[:1] == "{" or part[:1].isupper() else part for part in parts)

    @property
    def own_type(self) -> str:
        """The type that the path spells out; empty where there is none."""
        first = self.path.partition("/")[0]
        return first if first[:1].isupper() else ""

    def is_for(self, resource_type: str, served: Collection[str]) -> bool:
        """Whether it can be called for resources of a type, where `served` are those that are stored."""
        if self.own_type or not self.path.startswith("{type}"):
            return bool(self.own_type) and resource_type == self.own_type
        return resource_type in served and (self.types is None or resource_type in self.types)
