"""What does not fit together in a store, told so that somebody can look at it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is at odds."""

    TEXT = "text"
    """A stored text is no resource, or not the one that its row says."""
    HISTORY = "history"
    """A current row and the newest version."""
    VERSIONS = "versions"
    """The versions of one resource: a gap, a wrong beginning, an order of its own."""
    ORDER = "order"
    """The order of commits, by which exports and `_since` go."""
    INDEX = "index"
    """Index rows, and what the resource yields when it is indexed anew."""
    SPAN = "span"
    """A place in a source text that the text does not have."""
    REFERENCE = "reference"
    """A reference leads to nothing that is stored; FHIR allows that, so it is a note."""
    BOOKS = "books"
    """What the store remembers of loaded reports, of jobs, or of accesses."""
    FILE = "file"
    """The database itself says that its file is broken."""


NOTES = frozenset({Kind.REFERENCE})
"""What may be so, and is told all the same."""
MEND = {
    Kind.INDEX: "`fhir-service reindex` makes them anew",
    Kind.FILE: "restore the last backup (docs/howto/backup.md)",
}
"""What helps, where something does."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`about` is `Type/id`, with `/_history/version` where one version is meant, or the name of a row of another
    table."""

    kind: Kind
    about: str
    text: str
