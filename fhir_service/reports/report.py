"""A report before anybody has read it: its text and what is known of where it comes from."""

from __future__ import annotations

import base64
import hashlib

import msgspec


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Citation of a report; every field as the publisher prints it, absent where unknown."""

    title: str | None = None
    journal: str | None = None
    year: int | None = None
    doi: str | None = None
    pmid: str | None = None
    url: str | None = None
    name: str | None = None

    @property
    def key(self) -> str | None:
        """DOI, else PMID, else URL, else the given name; None where there is none of them."""
        return self.doi or self.pmid or self.url or self.name


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The stored text and its source. Offsets of every span refer to `text`."""

    text: str
    source: Source
    content_type: str = "text/plain"

    @property
    def source_key(self) -> str:
        """The key of the source, else the SHA-256 of the text; never a path."""
        return self.source.key or self.sha256

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def attachment_hash(self) -> str:
        """Base64 of the SHA-1 of the UTF-8 text, as R4 Attachment.hash wants it."""
        return base64.b64encode(hashlib.sha1(self.text.encode(), usedforsecurity=False).digest()).decode()
