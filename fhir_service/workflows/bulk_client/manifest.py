"""The manifest of an export, read with care: what is in it is a server's word (Bulk Data Access 3.0.0, section A3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.primitives import is_instant
from fhir_service.workflows.bulk_client.answers import Said
from fhir_service.workflows.bulk_client.errors import BrokenAnswer
from fhir_service.workflows.bulk_client.names import Names, Part

_ALWAYS: dict[Part, str] = {"deleted": "Bundle", "error": "OperationOutcome"}
"""What the lines of a part are where it says nothing of it."""


class Item(msgspec.Struct, frozen=True):
    """One file, as it is told of."""

    url: str
    type: str = ""
    count: int | None = None


class Link(msgspec.Struct, frozen=True):
    """Where the manifest goes on."""

    relation: str
    url: str


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """One page of it."""

    transaction_time: str
    requires_access_token: bool
    output: list[Item]
    error: list[Item] = []
    deleted: list[Item] = []
    link: list[Link] = []

    @property
    def next(self) -> str:
        """URL of the page behind this one; empty where it is the last."""
        return next((one.url for one in self.link if one.relation == "next"), "")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file to be fetched. `name` is ours: of its type and its place among those of that type."""

    name: str
    type: str
    part: Part
    url: str
    count: int | None
    with_token: bool


def read_manifest(said: Said) -> Manifest:
    """Raises BrokenAnswer."""
    try:
        manifest = msgspec.json.decode(said.body, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise BrokenAnswer(f"the manifest is not as it should be: {fault}") from None
    if not is_instant(manifest.transaction_time):
        raise BrokenAnswer("transactionTime of the manifest is no instant")
    return manifest


def listed_files(pages: Iterable[Manifest]) -> tuple[ListedFile, ...]:
    """Raises BrokenAnswer for a type that FHIR does not have, or a file that is told of twice."""
    names = Names()
    urls: set[str] = set()
    files = []
    for page in pages:
        parts: list[tuple[Part, list[Item]]] = [
            ("output", page.output),
            ("deleted", page.deleted),
            ("error", page.error),
        ]
        for part, item in ((part, item) for part, items in parts for item in items):
            kind = item.type or _ALWAYS.get(part, "")
            if kind not in resource_types() or kind != _ALWAYS.get(part, kind):
                raise BrokenAnswer(f"the manifest has a file under {part} whose type is {kind[:80]!r}")
            if item.url in urls or (item.count or 0) < 0:
                raise BrokenAnswer(f"the manifest is wrong about a file of {kind}: twice the same, or fewer than none")
            urls.add(item.url)
            name = names.next(part, kind)
            files.append(ListedFile(name, kind, part, item.url, item.count, page.requires_access_token))
    return tuple(files)
