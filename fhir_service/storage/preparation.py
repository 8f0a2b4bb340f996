"""A change made ready before it waits for the writer: its text spliced, its index values computed. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import (
    ComesWithService,
    FhirError,
    Forbidden,
    InvalidParameter,
    Issue,
    MalformedContent,
)
from fhir_service.fhir.json_text import Splice, minified, parse, splice
from fhir_service.search.index_values import index_values, partition_key
from fhir_service.storage.changes import Change, Create, Delete, Key, Update
from fhir_service.storage.index_rows import IndexRows, index_rows

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True, slots=True)
class Content:
    """A resource as it will be stored, its version and time aside."""

    splice: Splice
    partition_key: str
    rows: IndexRows


@dataclass(frozen=True, slots=True)
class Prepared:
    """`content` is None for a deletion. `fresh`: the id was made here, so nothing of that name can be stored."""

    key: Key
    change: Change
    content: Content | None
    fresh: bool = False

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
    resource_id = str(uuid4()) if change.id is None else change.id
    if not is_id(resource_id):
        raise InvalidParameter(f"'{resource_id[:80]}' is no id: an id is 1 to 64 letters, digits, '-' and '.'")
    if isinstance(change, Delete):
        return Prepared((change.type, resource_id), change, None)
    content = _content(change.type, resource_id, change.text, base)
    return Prepared((change.type, resource_id), change, content, fresh=change.id is None)


def all_prepared(changes: Sequence[Change | Prepared], base: str | None, access: Access) -> tuple[Prepared, ...]:
    """Make ready those that are not. Raises as `prepared` does and ComesWithService, saying which change it is about,
    and Forbidden."""
    may_write({change.key[0] if isinstance(change, Prepared) else change.type for change in changes}, access)
    ready = []
    for number, change in enumerate(changes):
        try:
            ready.append(change if isinstance(change, Prepared) else prepared(change, base))
            _refuse_fixed(ready[-1].key, access)
        except FhirError as error:
            error.change = number
            raise
    return tuple(ready)


def may_write(kinds: set[str], access: Access) -> None:
    """Raises Forbidden."""
    refused = sorted(kind for kind in kinds if not access.may_write(kind))
    if refused:
        raise Forbidden(f"writing {', '.join(refused)} is not allowed")


def _refuse_fixed(key: Key, access: Access) -> None:
    if key in access.fixed:
        name = "/".join(key)
        text = f"{name} comes with the service and changes only with it; store yours under another id and url"
        issue = Issue("error", ComesWithService.code, text, (f"{key[0]}.id",), "definition.of-the-service")
        raise ComesWithService(text, issues=[issue])


def size_of(changes: Sequence[Change | Prepared]) -> int:
    """Bytes of resources that are still to be made ready."""
    return sum(len(change.text) for change in changes if isinstance(change, Create | Update))


def _content(resource_type: str, resource_id: str, text: bytes, base: str | None) -> Content:
    compact = minified(text)
    spliced = splice(compact, resource_id)
    if spliced.resource_type != resource_type:
        raise MalformedContent(f"the resource is a {spliced.resource_type[:80]}, not a {resource_type}")
    values = index_values(parse(compact), base)
    return Content(spliced, partition_key(resource_id, values), index_rows(values))
