"""What can go wrong, typed where it arises; `api/error_responses.py` alone turns each into an OperationOutcome.

Every text here reaches a submitter: say what to mend, never SQL, a path or a stack trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding. `code` is of http://hl7.org/fhir/issue-type, `expression` FHIRPath into what was sent."""

    severity: str
    code: str
    text: str
    expression: tuple[str, ...] = ()
    rule: str | None = None
    """Stable key of the rule that was broken, for instance `structure.required`."""


class FhirError(Exception):
    """A request that cannot be done. Subclasses fix the HTTP status and the issue code of rest-rules.md section 8."""

    status = 500
    code = "exception"
    change: int | None = None
    """Of several changes handed in together, the place of the one it is about."""

    def __init__(self, text: str, *, expression: Sequence[str] = (), issues: Sequence[Issue] = ()) -> None:
        super().__init__(text)
        self.issues: tuple[Issue, ...] = tuple(issues) or (Issue("error", self.code, text, tuple(expression)),)


def first_reason(error: FhirError) -> str:
    """The first issue in one sentence, with its place and how many more there are."""
    issue = error.issues[0]
    more = f" (and {len(error.issues) - 1} more)" if len(error.issues) > 1 else ""
    return f"{issue.text}{' at ' + issue.expression[0] if issue.expression else ''}{more}"


class MalformedContent(FhirError):
    """The body cannot be read, or breaks a basic rule (400)."""

    status, code = 400, "structure"


class InvalidParameter(FhirError):
    """A search parameter has a value that cannot be read (400)."""

    status, code = 400, "invalid"


class UnsupportedParameter(FhirError):
    """A modifier or parameter the server does not support (400)."""

    status, code = 400, "not-supported"


class Unauthenticated(FhirError):
    """Nobody says who asks, or what they show for it is not good (401)."""

    status, code = 401, "login"


class Forbidden(FhirError):
    """The caller may not do this (403)."""

    status, code = 403, "forbidden"


class NotFound(FhirError):
    """No such resource or version (404)."""

    status, code = 404, "not-found"


class UnknownType(FhirError):
    """Not a resource type this server serves (404)."""

    status, code = 404, "not-supported"


class MethodNotSupported(FhirError):
    """The interaction is not offered here (405)."""

    status, code = 405, "not-supported"


class NotAcceptable(FhirError):
    """No format the client accepts (406)."""

    status, code = 406, "not-supported"


class EditConflict(FhirError):
    """Somebody else changed it at the same time (409)."""

    status, code = 409, "conflict"


class Gone(FhirError):
    """The resource was deleted (410)."""

    status, code = 410, "deleted"


class PreconditionFailed(FhirError):
    """If-Match names another version, or a condition matches several (412)."""

    status, code = 412, "conflict"


class MultipleMatches(PreconditionFailed):
    """A condition that may find one resource finds several (412)."""

    code = "multiple-matches"


class TooLarge(FhirError):
    """The body is over the limit (413)."""

    status, code = 413, "too-long"


class UnsupportedMediaType(FhirError):
    """The body is of a type this server does not read (415)."""

    status, code = 415, "not-supported"


class TooCostly(FhirError):
    """A request that asks for more than this server does at once (400)."""

    status, code = 400, "too-costly"


class UnprocessableContent(FhirError):
    """Readable, but against the rules of FHIR or of this service (422)."""

    status, code = 422, "invariant"


class ComesWithService(UnprocessableContent):
    """A definition of the service itself, which no client changes (422)."""

    code = "business-rule"


class TooManyRequests(FhirError):
    """More than this server takes at once, or asked for again too soon (429). `retry_after` is in seconds."""

    status, code = 429, "throttled"

    def __init__(self, text: str, *, retry_after: int, expression: Sequence[str] = ()) -> None:
        super().__init__(text, expression=expression)
        self.retry_after = retry_after


class TookTooLong(FhirError):
    """It would take longer than one request may hold up the others (503)."""

    status, code = 503, "too-costly"


class StoreUnavailable(FhirError):
    """The database does not answer (503)."""

    status, code = 503, "transient"


class StoreFull(StoreUnavailable):
    """The disk of the database is full; what is stored can be read (507, RFC 4918 section 11.5)."""

    status, code = 507, "no-store"
