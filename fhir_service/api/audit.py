"""Which calls are accesses to patient data, and what is remembered of them: who, what, when and how it ended."""

from __future__ import annotations

from time import time_ns
from urllib.parse import urlencode

from starlette.types import Scope

from fhir_service.api.call import Call
from fhir_service.api.origin import address_of
from fhir_service.api.request_id import request_id
from fhir_service.api.service import Service
from fhir_service.fhir.audit_events import EVERYBODY, NO_PATIENT_DATA, AccessRecord
from fhir_service.fhir.errors import FhirError
from fhir_service.storage.repository import Seen

_LONGEST_QUERY = 64 * 1024
"""Of a form, which may have as many bytes as any body."""
_OF_THE_SERVER = frozenset({"capabilities"})
"""Interactions that name no type and tell of no patient."""


class Remembered:
    """Around a call from the look-up of what it calls to the last byte of its answer. `status` is that of the answer,
    once it is known."""

    __slots__ = ("_call", "status")

    def __init__(self, call: Call) -> None:
        self._call = call
        self.status = 500

    def __enter__(self) -> Remembered:
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, FhirError):
            self.status = error.status
        if self._call.seen is not None:
            note(self._call, self._call.seen, self.status)


def is_access(call: Call) -> bool:
    """Whether the call, its interaction found, may tell of a patient or change what is told."""
    return call.interaction not in _OF_THE_SERVER and call.type not in NO_PATIENT_DATA


def note(call: Call, seen: Seen, status: int) -> None:
    """Remember what was seen by a call, or by work that it began and that went on after its answer."""
    book = call.service.accesses
    if book is None:
        return
    query = call.query if not call.form else urlencode([*call.parameters, *call.form])
    if call.file:
        query = ""  # what signs a link is good for whoever reads it
    book.note(
        AccessRecord(
            recorded=time_ns() // 1_000_000,
            request=call.origin.request,
            client=call.origin.client,
            address=call.origin.address,
            interaction=call.interaction,
            about="/".join(part for part in (call.type or _job_kind(call), call.id) if part),
            query=query[:_LONGEST_QUERY],
            status=status,
            resources=seen.resources,
            patients=(*seen.patients, EVERYBODY) if seen.everybody else (*seen.patients,),
            unknown=frozenset(seen.unknown),
            more=seen.more or len(query) > _LONGEST_QUERY,
        )
    )


def refused(service: Service, scope: Scope, status: int) -> None:
    """Remember that somebody was not let in."""
    if service.refusals is not None:
        service.refusals.refused(address_of(scope), request_id(scope), status)


def _job_kind(call: Call) -> str:
    """`_export` or `_upload`, where the call is about a job."""
    first = call.route.partition(" ")[2].partition("/")[0]
    return first if call.id and first.startswith("_") else ""
