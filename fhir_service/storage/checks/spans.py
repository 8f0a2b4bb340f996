"""Every place in a source text that a resource names is there, and every source text has the hash that it says.

Only texts whose words are stored can be looked into: those of a withheld report are not (docs/howto/source-text.md).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import AsyncIterator, Iterator, Sequence
from hashlib import sha1
from typing import Any

from fhir_service.fhir.derivations import URL, derivations_in
from fhir_service.fhir.errors import MalformedContent
from fhir_service.fhir.json_text import parse
from fhir_service.fhir.references import restful_url
from fhir_service.storage import statements
from fhir_service.storage.checks.disagreement import Disagreement, Kind
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.sessions import Row, Session

_DOCUMENT = "DocumentReference"
_MOST_KEPT = 10_000


class SourceTexts(dict[str, int | None]):
    """By id of a document the characters of its text; None where that is not known. Only so many are kept."""

    def keep(self, resource_id: str, length: int | None) -> None:
        while len(self) >= _MOST_KEPT:
            del self[next(iter(self))]
        self[resource_id] = length


async def disagreements_of_spans(
    session: Session, dialect: Dialect, rows: Sequence[Row], texts: SourceTexts
) -> AsyncIterator[Disagreement]:
    """What is wrong with the places and texts in resources given as type, id and text."""
    for kind, resource_id, text in rows:
        if URL in text or kind == _DOCUMENT:
            try:
                resource = parse(text.encode())
            except MalformedContent:  # which is told of elsewhere
                continue
            if kind == _DOCUMENT and (wrong := _wrong_hash(resource)):
                yield Disagreement(Kind.SPAN, f"{kind}/{resource_id}", wrong)
            async for wrong in _wrong_places(session, dialect, resource, texts):
                yield Disagreement(Kind.SPAN, f"{kind}/{resource_id}", wrong)


async def _wrong_places(
    session: Session, dialect: Dialect, resource: dict[str, Any], texts: SourceTexts
) -> AsyncIterator[str]:
    for reference, offset, length in derivations_in(resource):
        url = restful_url(reference)
        if url is None or url.type != _DOCUMENT or url.root:
            continue
        if url.id not in texts:
            texts.keep(url.id, await _length(session, dialect, url.id))
        most = texts[url.id]
        if offset < 0 or length < 1 or (most is not None and offset + length > most):
            end = "" if most is None else f", whose text has {most} characters"
            yield f"it was read at {offset} to {offset + length} of {reference}{end}"


async def _length(session: Session, dialect: Dialect, resource_id: str) -> int | None:
    statement = statements.READ_MANY.format(keys=dialect.keys)
    rows = await session.fetch(statement, *dialect.key_values([(_DOCUMENT, resource_id)]))
    try:
        resource = parse(rows[0][5].encode()) if rows and rows[0][5] else {}
        texts = [data.decode() for kind, data, _ in _attachments(resource) if kind.startswith("text/plain")]
    except (MalformedContent, NoBase64, UnicodeDecodeError):
        return None
    return len(texts[0]) if len(texts) == 1 else None


def _wrong_hash(resource: dict[str, Any]) -> str:
    try:
        for _, data, told in _attachments(resource):
            if told and b64encode(sha1(data, usedforsecurity=False).digest()).decode() != told:
                return "its text has another hash than the one beside it"
    except NoBase64:
        return "its text is not in Base64"
    return ""


def _attachments(resource: dict[str, Any]) -> Iterator[tuple[str, bytes, str]]:
    """Content type, data and hash of those whose data are there. Raises NoBase64."""
    contents = resource.get("content")
    for content in contents if isinstance(contents, list) else ():
        attachment = content.get("attachment") if isinstance(content, dict) else None
        if isinstance(attachment, dict) and isinstance(attachment.get("data"), str):
            data = b64decode("".join(attachment["data"].split()), validate=True)
            yield str(attachment.get("contentType", "")), data, str(attachment.get("hash", ""))
