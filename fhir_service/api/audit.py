"""Which calls are accesses to patient data, and what is remembered of them: who, what, when and how it ended."""

from __future__ import annotations

from time import time_ns
from urllib.parse import urlencode

from fhir_service.api.call import Call
from fhir_service.fhir.audit_events import NO_PATIENT_DATA, AccessRecord
from fhir_service.fhir.errors import FhirError

_OF_THE_SERVER = frozenset({"capabilities"})
"""Interactions that name no type and tell of no patient."""


class remembered:  # noqa: N801  # used as a function is; a generator as context manager costs several times as much
    """Around a call from the look-up of what it calls to the last byte of its answer. `status` is that of the answer,
    once it is known."""

    __slots__ = ("_call", "status")

    def __init__(self, call: Call) -> None:
        self._call = call
        self.status = 500

    def __enter__(self) -> remembered:
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, FhirError):
            self.status = error.status
        if self._call.seen is not None:
            _note(self._call, self.status)


def is_access(call: Call) -> bool:
    """Whether the call, its interaction found, may tell of a patient or change what is told."""
    return call.interaction not in _OF_THE_SERVER and call.type not in NO_PATIENT_DATA


def _note(call: Call, status: int) -> None:
    book, seen = call.service.accesses, call.seen
    if book is None or seen is None:
        return
    query = call.query if not call.form else urlencode([*call.parameters, *call.form])
    book.note(
        AccessRecord(
            recorded=time_ns() // 1_000_000,
            request=call.origin.request,
            client=call.origin.client,
            address=call.origin.address,
            interaction=call.interaction,
            about="/".join(part for part in (call.type, call.id) if part),
            query=query,
            status=status,
            resources=seen.resources,
            more=seen.more,
        )
    )
