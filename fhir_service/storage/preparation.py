"""A change made ready before it waits for the writer: its text spliced, its index values computed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fhir_service.fhir.access import Access, Letter
from fhir_service.fhir.errors import (
    ComesWithService,
    FhirError,
    Forbidden,
    InvalidParameter,
    Issue,
    MalformedContent,
)
from fhir_service.fhir.json_text import Splice, minified, parse, splice, splice_plain
from fhir_service.fhir.new_id import new_id
from fhir_service.search.index_values import index_values, partition_key
from fhir_service.search.restrictions import admits, is_restricted
from fhir_service.storage.changes import Change, Create, Delete, Key, Update
from fhir_service.storage.index_rows import IndexRows, index_rows

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_IN_THREAD = 64 * 1024
"""Bytes of resources in one commit from which on getting them ready would hold up other requests."""


@dataclass(frozen=True, slots=True)
class Content:
    """A resource as it will be stored, its version and time aside."""

    splice: Splice
    partition_key: str
    rows: IndexRows


@dataclass(frozen=True, slots=True)
class Prepared:
    """`content` is None for a deletion. `fresh`: the id was made here, so nothing of that name can be stored. `guard`
    is whose access the resource has to be within that is changed, where not every one of its type is."""

    key: Key
    change: Change
    content: Content | None
    fresh: bool = False
    guard: Access | None = None

    @property
    def letter(self) -> Letter:
        return letter_of(self.change)

    def admits(self, text: bytes, last_updated: int) -> bool:
        """Whether the caller may change the resource of that content."""
        return self.guard is None or admits(self.guard, self.letter, self.key, text, last_updated)

    @property
    def if_match(self) -> int | None:
        return None if isinstance(self.change, Create) else self.change.if_match

    @property
    def if_none_match(self) -> str:
        return self.change.if_none_match if isinstance(self.change, Update) else ""

    @property
    def if_changed(self) -> bool:
        return isinstance(self.change, Update) and self.change.if_changed

    @property
    def volatile(self) -> frozenset[str]:
        return self.change.volatile if isinstance(self.change, Update) else frozenset()


def is_id(text: str) -> bool:
    """Whether a resource may have this id (R4 datatypes.html#id)."""
    return _ID.fullmatch(text) is not None


def prepared(change: Change, base: str | None) -> Prepared:
    """Raises MalformedContent for a text that is no resource of that type, InvalidParameter for an impossible id."""
    resource_id = new_id() if change.id is None else change.id
    if not is_id(resource_id):
        raise InvalidParameter(f"'{resource_id[:80]}' is no id: an id is 1 to 64 letters, digits, '-' and '.'")
    if isinstance(change, Delete):
        return Prepared((change.type, resource_id), change, None)
    content = content_of(change.type, resource_id, change.text, base, change.value)
    fresh = isinstance(change, Create) and (change.id is None or change.is_new)
    return Prepared((change.type, resource_id), change, content, fresh=fresh)


async def prepare(changes: Sequence[Change | Prepared], base: str | None, access: Access) -> tuple[Prepared, ...]:
    """Make ready those that are not, in a thread where they are so large that other requests would be held up. Raises
    as `prepared` does and ComesWithService, saying which change it is about, and Forbidden."""
    if _size_of(changes) > _IN_THREAD:
        return await asyncio.to_thread(_all_prepared, changes, base, access)
    return _all_prepared(changes, base, access)


def _all_prepared(changes: Sequence[Change | Prepared], base: str | None, access: Access) -> tuple[Prepared, ...]:
    plain = [change.change if isinstance(change, Prepared) else change for change in changes]
    may_write({(letter_of(change), change.type) for change in plain}, access)
    ready = []
    for number, change in enumerate(changes):
        try:
            one = change if isinstance(change, Prepared) else prepared(change, base)
            ready.append(one if access.grants is None else _guarded(one, access))
            refuse_fixed(ready[-1].key, access)
        except FhirError as error:
            error.change = number
            raise
    return tuple(ready)


def letter_of(change: Change) -> Letter:
    """What the caller has to be allowed."""
    return "d" if isinstance(change, Delete) else "c" if isinstance(change, Create) else "u"


def may_write(wanted: set[tuple[Letter, str]], access: Access) -> None:
    """Raises Forbidden."""
    refused = sorted({kind for letter, kind in wanted if not access.may(letter, kind)})
    if refused:
        raise Forbidden(f"writing {', '.join(refused)} is not allowed")


def _guarded(one: Prepared, access: Access) -> Prepared:
    """Raises Forbidden for content that would be outside a restriction."""
    if not is_restricted(access, one.letter, one.key[0]):
        return one
    if one.content is not None and not admits(access, one.letter, one.key, one.content.splice.text(0, 0)):
        raise Forbidden(f"what is sent is outside of the {one.key[0]} that may be written")
    return one if one.letter == "c" else replace(one, guard=access)


def refuse_restricted(kinds: Iterable[str], access: Access) -> None:
    """Raises Forbidden where the caller may write only some resources of a type."""
    letters: tuple[Letter, ...] = ("c", "u")
    if refused := sorted({kind for kind in kinds for letter in letters if is_restricted(access, letter, kind)}):
        raise Forbidden(f"this needs leave to write every {', '.join(refused)}, not only some")


def refuse_fixed(key: Key, access: Access) -> None:
    """Raises ComesWithService."""
    if key in access.fixed:
        name = "/".join(key)
        text = f"{name} comes with the service and changes only with it; store yours under another id and url"
        issue = Issue("error", ComesWithService.code, text, (f"{key[0]}.id",), "definition.of-the-service")
        raise ComesWithService(text, issues=[issue])


def _size_of(changes: Sequence[Change | Prepared]) -> int:
    """Bytes of resources that are still to be made ready."""
    return sum(len(change.text) for change in changes if isinstance(change, Create | Update))


def content_of(resource_type: str, resource_id: str, text: bytes, base: str | None, value: object = None) -> Content:
    """A resource of that type as it will be stored; `value` is what the text says, where that is at hand. Raises
    MalformedContent."""
    compact = minified(text)
    known = value if isinstance(value, dict) else None
    spliced = splice(compact, resource_id) if known is None else splice_plain(compact, known, resource_id)
    if spliced.resource_type != resource_type:
        raise MalformedContent(f"the resource is a {spliced.resource_type[:80]}, not a {resource_type}")
    values = index_values(parse(compact) if known is None else known, base)
    return Content(spliced, partition_key(resource_id, values), index_rows(values))
