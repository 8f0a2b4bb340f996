"""What a server answers, held in memory, and what of it a person is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import msgspec

from fhir_service.workflows.bulk_client.errors import BrokenAnswer, Refused
from fhir_service.workflows.bulk_client.origins import shown

_MOST_BYTES = 64 * 1024 * 1024
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, whole."""

    status: int
    headers: httpx.Headers
    body: bytes


class _Issue(msgspec.Struct):
    diagnostics: str = ""
    details: Mapping[str, object] = {}


class _Reason(msgspec.Struct):
    """An OperationOutcome, or an OAuth error (RFC 6749 section 5.2)."""

    issue: list[_Issue] = []
    error: str = ""
    error_description: str = ""


async def read_whole(answer: httpx.Response) -> Said:
    """Raises BrokenAnswer where it is larger than what a manifest can be."""
    body = bytearray()
    try:
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > _MOST_BYTES:
                raise BrokenAnswer(f"{shown(answer.url)} answers with more than {_MOST_BYTES:,} bytes")
    except httpx.DecodingError:
        raise BrokenAnswer(f"{shown(answer.url)} answers what cannot be unpacked") from None
    return Said(answer.status_code, answer.headers, bytes(body))


def refusal(what: str, said: Said) -> Refused:
    """`what` was not done; the reason is the server's, if it gave one."""
    try:
        told = msgspec.json.decode(said.body, type=_Reason)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        told = _Reason()
    texts = [told.error_description or told.error]
    texts += [one.diagnostics or str(one.details.get("text", "")) for one in told.issue]
    reason = plain(next((text for text in texts if text), ""), _LONGEST_REASON)
    return Refused(f"the server answers {said.status} to {what}{': ' + reason if reason else ''}", said.status)


def plain(text: str, longest: int) -> str:
    """A server's text as it may be printed: on one line, without what moves a terminal."""
    return "".join(one if one.isprintable() else " " for one in text[:longest]).strip()
