"""From a path below the FHIR base to the interaction that answers it.

It stands in front of FastAPI's router: one look-up in a table instead of a list of patterns, and it can say whether
the type, the method or the operation is what is not there. docs/decisions/http-layer.md has the figures.
"""

from __future__ import annotations

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_service.api.answer import Answer, StreamedAnswer
from fhir_service.api.audit import Remembered, is_access, refused
from fhir_service.api.auth.identify import access_in
from fhir_service.api.auth.needs import PUBLIC, refuse_uncovered
from fhir_service.api.call import Call
from fhir_service.api.content_negotiation import PLAIN, Format, format_of, wanted_format, wants_ndjson
from fhir_service.api.error_responses import NotAllowed
from fhir_service.api.interaction import Interaction
from fhir_service.api.origin import origin_of
from fhir_service.api.presentation import asked_subset, in_format, in_part
from fhir_service.api.request_log import ROUTE
from fhir_service.api.service import Service
from fhir_service.fhir.access import NOBODY, Access
from fhir_service.fhir.errors import NotAcceptable, NotFound, Unauthenticated, UnknownType
from fhir_service.fhir.references import ID
from fhir_service.storage.repository import Seen
from fhir_service.workflows.export_links import SIGNATURE

Key = tuple[str, ...]


class FhirDispatcher:
    """Answers what lies below `prefix`; hands on everything else."""

    def __init__(self, app: ASGIApp, service: Service, prefix: str) -> None:
        self._app = app
        self._service = service
        self._prefix = prefix
        self._table: dict[Key, list[Interaction]] = {}
        for row in service.interactions:
            self._table.setdefault(row.key, []).append(row)
        self._known: dict[tuple[str, str, Key], Interaction] = {}
        """What was found by method, type and shape of the path: no more than there are rows and types."""
        self._public = {f"{prefix}/{row.path}" for row in service.interactions if row.needs == PUBLIC}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if scope["type"] != "http" or not (path == self._prefix or path.startswith(f"{self._prefix}/")):
            await self._app(scope, receive, send)
            return
        try:
            access = NOBODY if path in self._public else self._access(scope)
        except Unauthenticated as error:
            refused(self._service, scope, error.status)
            raise
        accept = b",".join([value for name, value in scope["headers"] if name == b"accept"]).decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        wanted = self._wanted_format(scope, accept, query)
        base = base_of(self._service, scope, self._prefix)
        call = Call(
            service=self._service,
            base=base,
            method=scope["method"],
            query=query,
            headers=scope["headers"],
            receive=receive,
            dispatch=self.answer_url,
            access=access.under(base),
            origin=origin_of(scope),
        )
        with Remembered(call) as ending:
            try:
                answer = await self.answer(call, path[len(self._prefix) :])
            finally:
                scope[ROUTE] = call.route
            if call.form:
                wanted = format_of(dict(call.parameters + call.form), accept)
            if wanted != PLAIN:
                answer = await in_format(answer, wanted)
            ending.status = _status(answer)
            await answer(scope, receive, send)

    async def answer(self, call: Call, path: str) -> ASGIApp:
        """Call the interaction that `path` (below the base, decoded) and the call's method name.

        Raises UnknownType, NotFound, MethodNotSupported, Forbidden, InvalidParameter, and what the interaction raises.
        """
        segments = _segments(path)
        interaction = self._find(call.method, segments)
        parts = dict(zip(interaction.path.split("/"), segments, strict=False))
        call.route, call.interaction = _route(interaction, segments), interaction.code
        call.type = segments[0] if segments and segments[0][:1].isupper() else ""
        call.id = _id(parts.get("{id}", ""))
        call.version = _id(parts.get("{version}", ""))
        call.member = parts.get("{member}", "")
        call.file = parts.get("{file}", "")
        if (book := self._service.accesses) is not None and is_access(call):
            if not book.has_room:
                await book.room()
            call.seen = Seen()
        refuse_uncovered(interaction.needs, call.access, call.type, call.member)
        if not (interaction.body == "form" or (call.query and interaction.method == "GET")):
            return await interaction.handle(call)
        subset = asked_subset(call.parameters)  # said to be wrong before anything is looked for
        answer = await interaction.handle(call)
        return await in_part(answer, asked_subset(call.parameters + call.form) if call.form else subset)

    def code_of(self, method: str, path: str) -> str:
        """The code of the interaction that `path` and a method name. Raises UnknownType, NotFound,
        MethodNotSupported."""
        return self._find(method, _segments(path[len(self._prefix) :])).code

    async def answer_url(self, call: Call, url: str) -> ASGIApp:
        """The same for a URL relative to the base, query included: an entry of a Bundle."""
        path, _, call.query = url.partition("?")
        with Remembered(call) as ending:
            answer = await self.answer(call, unquote(path))
            ending.status = _status(answer)
        return answer

    def _access(self, scope: Scope) -> Access:
        """Raises Unauthenticated, unless a signed link may do instead of a token."""
        try:
            return access_in(scope)
        except Unauthenticated:
            if SIGNATURE.encode() in scope["query_string"] and not _has_token(scope):
                row = self._find(scope["method"], _segments(scope["path"][len(self._prefix) :]))
                if row.needs is not None and row.needs.link:
                    return NOBODY
            raise

    def _wanted_format(self, scope: Scope, accept: str, query: str) -> Format:
        """Raises NotAcceptable, unless the client takes lines of JSON and they are what there is."""
        try:
            return wanted_format(accept, query)
        except NotAcceptable:
            row = self._find(scope["method"], _segments(scope["path"][len(self._prefix) :]))
            if row.ndjson and wants_ndjson(accept, query):
                return PLAIN
            raise

    def _find(self, method: str, segments: list[str]) -> Interaction:
        """Raises NotFound, UnknownType, NotAllowed."""
        key = self._key(segments)
        place = (method, segments[0] if segments else "", key)
        if (known := self._known.get(place)) is None:
            known = self._known[place] = self._look_for(method, segments, key)
        return known

    def _look_for(self, method: str, segments: list[str], key: Key) -> Interaction:
        found = [row for row in self._table.get(key, ()) if self._serves(row, segments)]
        if not found:
            raise self._nothing_at(segments)
        by_method = {row.method: row for row in reversed(found)}
        method = "GET" if method == "HEAD" else method
        if method not in by_method:
            allowed = list(dict.fromkeys(row.method for row in found))
            raise NotAllowed(method, (*allowed, "HEAD") if "GET" in allowed else tuple(allowed))
        return by_method[method]

    def _serves(self, row: Interaction, segments: list[str]) -> bool:
        return not _begins_with_type(segments) or row.is_for(segments[0], self._service.types)

    def _nothing_at(self, segments: list[str]) -> NotFound | UnknownType:
        if _begins_with_type(segments) and segments[0] not in self._service.types:
            name = segments[0][:80]
            if any(row.own_type == name for row in self._service.interactions):
                return UnknownType(f"this server has operations on {name}, and no resources of it to read or search")
            return UnknownType(f"this server has no resources of type '{name}'; /fhir/metadata lists them")
        return NotFound(f"there is nothing at '/{'/'.join(segments)[:200]}'; /fhir/metadata tells what there is")

    def _key(self, segments: list[str]) -> Key:
        """Words that the table spells out stay; a type, an id or a version is `*`."""
        if not segments:
            return ()
        first, *rest = segments
        head = "*" if first[:1].isupper() else first
        return (head, *(part if part[:1] in ("_", "$") else "*" for part in rest))


def _status(answer: ASGIApp) -> int:
    return answer.status if isinstance(answer, Answer | StreamedAnswer) else 200


def _route(row: Interaction, segments: list[str]) -> str:
    """What is asked for, without naming anybody."""
    return f"{row.code} {row.path.replace('{type}', segments[0]) if segments else row.path}".rstrip()


def _has_token(scope: Scope) -> bool:
    return any(name == b"authorization" for name, _ in scope["headers"])


def base_of(service: Service, scope: Scope, prefix: str) -> str:
    """The FHIR base that links begin with: that of the settings, or what the client asked for."""
    configured = service.settings.public_base_url
    if configured:
        return configured
    host = next((value for name, value in scope["headers"] if name == b"host"), b"localhost").decode("latin-1")
    return f"{scope['scheme']}://{host}{prefix}"


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/") if path.strip("/") else []


def _begins_with_type(segments: list[str]) -> bool:
    return bool(segments) and segments[0][:1].isupper()


def _id(text: str) -> str:
    if text and not ID.fullmatch(text):
        raise NotFound(f"'{text[:80]}' is no id: an id is 1 to 64 letters, digits, '-' and '.'")
    return text
