"""The most common requests, of those who look and of those who write resources, answered on a short way.

What stands around the dispatcher, one layer for each question, takes more time than a read itself, and so does what a
server prepares for any application. Here the same questions are asked of the same objects, one after the other, and
nothing is decided anew: where one has another answer than the usual one, the request goes the long way as if it had not
been here. What was counted is answered here, whatever comes of it.
"""

from __future__ import annotations

import asyncio
import re

from starlette.types import Receive, Scope, Send

from fhir_service.api.answer import Answer
from fhir_service.api.audit import Remembered
from fhir_service.api.call import Call
from fhir_service.api.content_negotiation import PLAIN, wanted_format
from fhir_service.api.dispatcher import FhirDispatcher
from fhir_service.api.error_responses import crash_answer, error_answer
from fhir_service.api.observing.meter import Meter
from fhir_service.api.rate_limit import Rates
from fhir_service.api.request_heads import PlainHead, PlainHeads, request_line
from fhir_service.api.request_id import new_id
from fhir_service.api.service import Service
from fhir_service.api.short_read import ShortRead
from fhir_service.api.visit import Peer, Visit
from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import FhirError
from fhir_service.search.restrictions import is_restricted
from fhir_service.settings import FHIR_PREFIX

_READ = re.compile(rb"GET %b/([A-Z][A-Za-z]*)/([A-Za-z0-9\-.]{1,64}) HTTP/1\.1" % FHIR_PREFIX.encode())
_SHORT = {
    "GET": frozenset(
        {
            *("read", "vread", "history-instance", "history-type", "history-system"),
            *("search-type", "search-system", "search-compartment", "everything"),
        }
    ),
    "POST": frozenset({"create", "transaction", "batch"}),
    "PUT": frozenset({"update"}),
    "PATCH": frozenset({"patch"}),
    "DELETE": frozenset({"delete"}),
}
"""By method the interactions that answer with all that they have at once."""


class ShortWay:
    """Answers plain requests to one service. Not for one whose requests are traced."""

    def __init__(self, service: Service, heads: PlainHeads, rates: Rates | None, meter: Meter | None) -> None:
        self._service = service
        self._settings = service.settings
        self._rates = rates
        self._meter = meter
        self._heads = heads
        self._dispatcher = FhirDispatcher(_nowhere, service, FHIR_PREFIX)

    def take(self, line: bytes, lines: bytes, body: bytes, peer: Peer) -> bool:
        """Take a request: its request line, the rest of its head, and its body. It is answered now or later; False: not
        here."""
        if len(body) > self._settings.max_body_bytes:
            return False
        address = peer.address
        head = self._heads.find_with_body(lines, len(body), address) if body else self._heads.find(lines, address)
        if head is None or len(line) > self._settings.max_address_bytes or self._service.open_repository is None:
            return False
        access = self._service.gate.known(head.authorization)
        if access is None:
            return False
        if head.client or head.scheme:
            peer = peer._replace(address=head.client or peer.address, scheme=head.scheme or peer.scheme)
        if not body and (found := _READ.fullmatch(line)):
            kind = found[1].decode()
            if self._may_read_all(head, access, kind):
                if not self._has_room(access, peer.address):
                    return False
                visit = self._visit(head, access, peer)
                ShortRead(self._service, visit, (kind, found[2].decode()), head).begin()
                return True
        return self._called(line, head, body, access, peer)

    def _called(self, line: bytes, head: PlainHead, body: bytes, access: Access, peer: Peer) -> bool:
        """The same by the dispatcher, in a task."""
        asked = request_line(line)
        if asked is None or (body and asked[0] == "GET") or not self._is_short(*asked, head):
            return False
        if not self._has_room(access, peer.address):
            return False
        method, path, query = asked
        base = self._settings.public_base_url or f"{peer.scheme}://{head.host.decode('latin-1')}{FHIR_PREFIX}"
        visit = self._visit(head, access, peer, method)
        call = Call(
            service=self._service,
            base=base,
            method=method,
            query=query,
            headers=head.headers,
            sent=body,
            dispatch=self._dispatcher.answer_url,
            access=access.under(base),
            origin=visit.origin,
        )
        task = asyncio.create_task(self._answer(visit, call, path[len(FHIR_PREFIX) :]))
        peer.tasks.add(task)
        task.add_done_callback(peer.tasks.discard)
        return True

    async def _answer(self, visit: Visit, call: Call, path: str) -> None:
        try:
            with Remembered(call) as ending:
                answer = await self._dispatcher.answer(call, path)
                assert isinstance(answer, Answer)  # noqa: S101  # as all of those give
                ending.status = answer.status
        except FhirError as error:
            answer = error_answer(error)
        except Exception:  # the last resort, as on the long way
            answer = crash_answer(visit.origin.request, visit.method)
        await visit.answer(answer, call.route)

    def _is_short(self, method: str, path: str, query: str, head: PlainHead) -> bool:
        """Whether that is a call of one of those, whose answer is wanted as it comes."""
        if path != FHIR_PREFIX and not path.startswith(f"{FHIR_PREFIX}/"):
            return False
        try:
            code = self._dispatcher.code_of(method, path)
            return code in _SHORT[method] and wanted_format(head.accept, query) == PLAIN
        except FhirError:
            return False

    def _may_read_all(self, head: PlainHead, access: Access, kind: str) -> bool:
        known_of, may = head.may
        if known_of is not access:
            may = {}
            head.may = (access, may)
        all_of = may.get(kind)
        if all_of is None and kind in self._service.types:
            all_of = may[kind] = access.may("r", kind) and not is_restricted(access, "r", kind)
        return bool(all_of)

    def _has_room(self, access: Access, address: str) -> bool:
        """Whether one more may be answered, which counts it."""
        try:
            if (book := self._service.accesses) is not None and not book.has_room:
                return False
            if self._rates is not None:
                self._rates.count_one(access.client_id, address)
        except FhirError:
            return False
        return True

    def _visit(self, head: PlainHead, access: Access, peer: Peer, method: str = "GET") -> Visit:
        number = head.request_id or new_id()
        return Visit(peer, access.client_id, number, head.coding, self._meter, method=method)


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """What the dispatcher would hand on; nothing is handed on here."""
