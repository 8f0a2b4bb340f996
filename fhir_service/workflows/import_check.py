"""A resource as it stands in a file to one that can be stored: it is held to what every write is held to, and its id is
its own, so that the same file again means the same resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.errors import Issue, MalformedContent
from fhir_service.formats.xml_reader import json_from_xml
from fhir_service.storage.bulk_load import MadeReady, MakeBlock, made_ready
from fhir_service.storage.preparation import Content, content_of
from fhir_service.storage.repository import Key
from fhir_service.validation.json_text import read_json
from fhir_service.validation.layers import Layer
from fhir_service.workflows.accept_resource import part_issues
from fhir_service.workflows.check_conformance import conformance
from fhir_service.workflows.resource_files import ResourceText
from fhir_service.workflows.write_checks import WriteChecks

_ID = "import.id"
_TYPE = "import.type"


@dataclass(frozen=True)
class ImportRules:
    """What a resource has to stand: `layers` of validation by type, and a type among `types`. `base` is that of our own
    definitions, `address` that of the server, under which an absolute reference is one to this store.

    References are not followed: what they lead to may stand in a later line, or in another file.
    """

    layers: Mapping[str, Layer]
    types: frozenset[str]
    base: str
    address: str

    def under(self, address: str) -> ImportRules:
        """The same for a server that is known by that address."""
        return replace(self, address=address)

    @cached_property
    def checks(self) -> WriteChecks:
        return WriteChecks(self.layers, "off", conformance=partial(conformance, self.base))


class Looked(NamedTuple):
    """A resource of a file: type and id of one that can be stored, or everything that speaks against it."""

    file: str
    line: int
    size: int
    key: Key | None
    issues: tuple[Issue, ...] = ()


class Piece(NamedTuple):
    """Neighbours, and those of them that can be stored, made ready."""

    looked: list[Looked]
    ready: MadeReady


def look_at_all(texts: Iterable[ResourceText], rules: ImportRules, make: MakeBlock, only: str = "") -> Piece:
    """Check them and make them ready for the database whose blocks `make` makes. With `only` they have to be of that
    type."""
    looked: list[Looked] = []
    return Piece(looked, made_ready(_contents(texts, rules, only, looked), make))


def _contents(
    texts: Iterable[ResourceText], rules: ImportRules, only: str, looked: list[Looked]
) -> Iterator[tuple[Key, Content]]:
    for text in texts:
        content, issues = _look(text, rules, only)
        looked.append(Looked(text.file, text.line, text.size, content and content[0], tuple(issues)))
        if content is not None:
            yield content


def _look(text: ResourceText, rules: ImportRules, only: str) -> tuple[tuple[Key, Content] | None, Sequence[Issue]]:
    if text.fault is not None:
        return None, (text.fault,)
    try:
        raw = json_from_xml(text.content) if text.is_xml else text.content
        value = read_json(raw)
        issues = _refusals(value, raw, rules, only)
        if issues:
            return None, issues
        key = value["resourceType"], value["id"]
        return (key, content_of(*key, raw, rules.address, value)), ()
    except MalformedContent as error:
        return None, error.issues


def _refusals(value: Any, raw: bytes, rules: ImportRules, only: str) -> list[Issue]:
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in resource_types():
        return rules.checks.errors(value, raw)
    if kind not in rules.types:
        text = f"{kind} is not served here (FHIR_SERVICE_RESOURCE_TYPES)"
        return [Issue("error", "not-supported", text, ("resourceType",), _TYPE)]
    found = part_issues(value, kind)
    if only and kind != only:
        found.append(
            Issue("error", "invalid", f"the file is of {only}, and this is a {kind}", ("resourceType",), _TYPE)
        )
    if "id" not in value:
        text = "the resource has no id; an import keeps ids, so that the same file again changes nothing"
        found.append(Issue("error", "required", text, (f"{kind}.id",), _ID))
    return found + rules.checks.errors(value, raw)
