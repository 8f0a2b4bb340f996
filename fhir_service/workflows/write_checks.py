"""What a resource has to stand before it is stored: as many layers of validation as its type is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import Issue
from fhir_service.storage.repository import Key, Repository
from fhir_service.validation.layers import EVERY_TYPE, USUAL, Layer
from fhir_service.validation.references import StoreReference, missing_targets, store_references
from fhir_service.validation.resource_findings import resource_findings
from fhir_service.validation.structure import findings
from fhir_service.workflows.check_conformance import Conformance, conformance
from fhir_service.workflows.cohort_group import cohort_issues

T = TypeVar("T")
MissingTarget = Literal["off", "warning", "error"]
LARGE = 64 * 1024
"""Bytes from which on reading and checking would hold up other requests: then they are done in a thread."""
_FAILURES = ("error", "fatal")


@dataclass(frozen=True, slots=True)
class WriteChecks:
    """`layers` by resource type; `missing_target` is what it means that the store lacks what a reference leads to,
    where that layer is looked at. Absolute references below `base` are to this store."""

    layers: Mapping[str, Layer] = field(default_factory=lambda: USUAL)
    missing_target: MissingTarget = "warning"
    base: str = ""
    conformance: Callable[[], Conformance] = conformance
    beyond_r4: bool = field(init=False)
    """Whether there is a type for which more is looked at than R4 itself."""

    def __post_init__(self) -> None:
        beyond = any(layer > Layer.INVARIANTS for layer in self.layers.values())
        object.__setattr__(self, "beyond_r4", beyond)

    def layer(self, resource_type: str) -> Layer:
        return self.layers.get(resource_type, self.layers[EVERY_TYPE])

    def under(self, base: str) -> WriteChecks:
        """The same, where the store is below another base."""
        return replace(self, base=base)

    async def run(self, size: int, work: Callable[[], T]) -> T:
        """`work()`, in a thread where it would hold up the requests beside it."""
        return await asyncio.to_thread(work) if size > LARGE or self.beyond_r4 else work()

    def findings(self, resource: Any, text: bytes = b"", *, warnings: bool = True) -> list[Issue]:
        """Everything that the layers of its type find, those that need the store aside."""
        layer = self.layer(_type_of(resource))
        if layer is Layer.STRUCTURE:
            return findings(resource)
        found = resource_findings(resource, warnings=warnings, text=text)
        if any((issue.rule and issue.rule.startswith("structure.")) or issue.severity == "fatal" for issue in found):
            return found
        return found + cohort_issues(resource) + self.deep_findings(resource)

    def errors(self, resource: Any, text: bytes = b"") -> list[Issue]:
        """Those that speak against storing it."""
        return [issue for issue in self.findings(resource, text, warnings=False) if issue.severity in _FAILURES]

    def deep_findings(self, resource: dict[str, Any]) -> list[Issue]:
        """Those of the layers beyond R4 itself, of a resource that is right in its structure."""
        layer = self.layer(_type_of(resource))
        found: list[Issue] = []
        if layer >= Layer.PROFILES:
            found += self.conformance().issues(resource)
        if layer >= Layer.CODES:
            found += self.conformance().code_issues(resource)
        return found

    def asked_of_store(self, resource: dict[str, Any]) -> list[StoreReference]:
        """The references of a resource that the store has to follow."""
        if self.missing_target == "off" or self.layer(_type_of(resource)) < Layer.REFERENCES:
            return []
        return store_references(resource, self.base)

    async def missing(self, repository: Repository, resource: dict[str, Any], access: Access) -> list[Issue]:
        """What to say of references that lead to nothing in the store."""
        asked = self.asked_of_store(resource)
        if not asked:
            return []
        return missing_targets(asked, await there(repository, asked, access), self.missing_target)


R4_ALONE = WriteChecks()
"""Structure and invariants."""


async def there(repository: Repository, references: list[StoreReference], access: Access) -> frozenset[Key]:
    """Those of the targets that the store has and the caller may see, in one query."""
    keys = sorted({(one.type, one.id) for one in references})
    found = await repository.newest(keys, access) if keys else {}
    return frozenset(key for key, stored in found.items() if not stored.deleted)


def _type_of(resource: Any) -> str:
    stated = resource.get("resourceType") if isinstance(resource, dict) else None
    return stated if isinstance(stated, str) else ""
