"""A request as the handlers see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from starlette.types import ASGIApp, Receive

from fhir_service.api.auth.needs import refuse_reaching_out, require
from fhir_service.api.content_encodings import decoded
from fhir_service.api.content_negotiation import body_syntax, require_form
from fhir_service.api.origin import NOWHERE, Origin
from fhir_service.api.preferences import Preferences, preferences
from fhir_service.api.service import Service
from fhir_service.fhir.access import OPEN, Access
from fhir_service.fhir.errors import InvalidParameter, MalformedContent, TooLarge
from fhir_service.formats.xml_reader import json_from_xml
from fhir_service.search.condition import parse_condition
from fhir_service.search.query import Query
from fhir_service.search.query_text import Pairs, read_pairs
from fhir_service.settings import Settings
from fhir_service.storage.repository import Repository, Seen
from fhir_service.validation.json_text import MAX_DEPTH, read_json, refuse_deeper
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.check_conformance import Conformance
from fhir_service.workflows.stored_conformance import StoredConformance
from fhir_service.workflows.stored_definitions import StoredDefinitions
from fhir_service.workflows.stored_terminology import StoredTerminology
from fhir_service.workflows.write_checks import WriteChecks

Dispatch = Callable[["Call", str], Awaitable[ASGIApp]]


class ClientGone(Exception):
    """The client hung up before its body was there; nobody waits for an answer."""


@dataclass(kw_only=True)
class Call:
    """One call of one interaction. `base` is the FHIR base URL that links begin with; names and ids are empty where the
    path has none."""

    service: Service
    base: str
    method: str = "GET"
    type: str = ""
    id: str = ""
    version: str = ""
    member: str = ""
    """The type that is searched in a compartment, `*` for all."""
    query: str = ""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    receive: Receive | None = None
    sent: bytes | None = None
    """The body, where it is all there; else it is received."""
    file: str = ""
    """Name of one of the files of a job."""
    dispatch: Dispatch | None = None
    """Answers a call to a URL relative to the base: how a Bundle reads."""
    access: Access = OPEN
    route: str = ""
    """What is asked for, such as `read Patient/{id}`: for the log."""
    interaction: str = ""
    """The code of what is asked for, such as `read`."""
    origin: Origin = NOWHERE
    seen: Seen | None = None
    """What the call was given of the store and has written there; None where nobody asks."""
    form: Pairs | None = None
    """The parameters of a form, once it was read."""

    @cached_property
    def repository(self) -> Repository:
        return self.service.repository.under(self.base).noting(self.seen)

    @property
    def settings(self) -> Settings:
        return self.service.settings

    def header(self, name: bytes) -> str:
        """All fields of that name (in lower case) as one, joined by commas; empty where there is none."""
        return b", ".join([value for key, value in self.headers if key == name]).decode("latin-1")

    @cached_property
    def definitions(self) -> StoredDefinitions:
        """The definitions that clients have stored."""
        return StoredDefinitions(self.repository, self.access, self.service.definition_cache)

    def stored_terminology(self) -> StoredTerminology:
        """Our terminologies, and what of those that clients have stored it is asked to find."""
        return StoredTerminology(self.definitions, self.service.terminology)

    def stored_conformance(self) -> StoredConformance:
        """What resources are held against, and what of the definitions that clients have stored they name."""
        service = self.service
        cache = service.conformance_cache
        return StoredConformance(self.definitions, self.stored_terminology(), service.conformance, cache)

    @cached_property
    def checks(self) -> WriteChecks:
        """What a resource has to stand before it is stored."""
        return self.service.checks_under(self.base)

    async def checks_of(self, *texts: bytes) -> WriteChecks:
        """The same, with the definitions that clients have stored, as far as these resources name them."""
        if not self.checks.beyond_r4:
            return self.checks
        held = await self.conformance_of(*texts)
        return replace(self.checks, conformance=lambda: held)

    async def conformance_of(self, *texts: bytes) -> Conformance:
        """What resources are held against, with the definitions that clients have stored, as far as they name them."""
        named = await asyncio.to_thread(lambda: [_read(text) for text in texts])
        return await self.stored_conformance().for_resource(named)

    @cached_property
    def preferences(self) -> Preferences:
        return preferences(self.header(b"prefer"))

    @cached_property
    def parameters(self) -> Pairs:
        """The parameters of the URL, in order. Raises InvalidParameter."""
        return read_pairs(self.query, self.settings.max_parameters)

    def condition(self, resource_type: str, text: str) -> Query:
        """The search that a conditional interaction depends on. Raises InvalidParameter, UnsupportedParameter,
        Forbidden."""
        require(self.access, "s", resource_type)
        query = parse_condition(resource_type, text, base=self.base, terminology=self.service.terminology)
        refuse_reaching_out(query, self.access)
        return query

    async def body(self) -> bytes:
        """The body, whatever it is. Raises TooLarge, ClientGone."""
        return await self._body()

    async def resource_body(self) -> bytes:
        """The body as JSON text; XML is turned into it. Raises UnsupportedMediaType, MalformedContent, TooLarge,
        ClientGone."""
        syntax = body_syntax(self.header(b"content-type"))
        body = await self._body()
        if syntax != "json":
            body = await in_thread_if_large(len(body), lambda: json_from_xml(body))
        return await self.not_too_deep(body)

    async def not_too_deep(self, text: bytes) -> bytes:
        """A JSON text. Raises MalformedContent for one that is deeper than the settings want; the readers have a limit
        of their own, which is what the settings say unless somebody changes them."""
        most = self.settings.max_json_depth
        if most < MAX_DEPTH:
            await in_thread_if_large(len(text), lambda: refuse_deeper(text, most))
        return text

    async def form_body(self, most: int | None = None) -> Pairs:
        """The parameters of a form, of at most so many bytes. Raises UnsupportedMediaType, InvalidParameter, TooLarge,
        ClientGone."""
        self.form = ()
        body = await self._body(most)
        if body:
            require_form(self.header(b"content-type"))
            try:
                self.form = read_pairs(body.decode(), self.settings.max_parameters)
            except UnicodeDecodeError:
                raise InvalidParameter("the form is not UTF-8") from None
        return self.form

    async def _body(self, most: int | None = None) -> bytes:
        most = self.settings.max_body_bytes if most is None else most
        body = await self._received(most) if self.sent is None else self.sent
        if len(body) > most:
            raise TooLarge(f"the body is larger than {most:,} bytes, the most that is taken here")
        if coding := self.header(b"content-encoding"):
            return await decoded(body, coding, most)
        return body

    async def _received(self, most: int) -> bytes:
        """The body, or more than `most` bytes of it."""
        parts: list[bytes] = []
        more, size = True, 0
        while self.receive is not None and more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = size <= most and message.get("more_body", False)
        return b"".join(parts)


def _read(text: bytes) -> Any:
    """What cannot be read names nothing; that it cannot is told by whoever is to store it."""
    try:
        return read_json(text)
    except MalformedContent:
        return None
