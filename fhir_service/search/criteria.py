"""What a search asks for, typed: one class per kind of criterion. Alternatives inside one are OR, criteria are AND."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fhir_service.search import terms
from fhir_service.search.dates import Range


@dataclass(frozen=True, slots=True)
class WantedToken:
    """`code` (any system), `system|code`, `|code` (no system) or `system|` (any code)."""

    system: str | None
    code: str | None
    any_system: bool = False

    def term(self, resource_type: str, parameter: str) -> str:
        if self.code is None:
            return terms.system_term(resource_type, parameter, self.system or "")
        if self.any_system:
            return terms.code_term(resource_type, parameter, self.code)
        return terms.token_term(resource_type, parameter, self.system, self.code)

    def literals(self) -> tuple[bytes, ...]:
        return tuple(_literal(part) for part in (self.system, self.code) if part)


@dataclass(frozen=True, slots=True)
class WantedReference:
    """`target` is `Type/id` or an absolute URL; without it `id` of any type is meant."""

    target: str | None
    id: str = ""

    def term(self, resource_type: str, parameter: str) -> str:
        if self.target is None:
            return terms.id_term(resource_type, parameter, self.id)
        return terms.reference_term(resource_type, parameter, self.target)

    def literals(self) -> tuple[bytes, ...]:
        return (f'/{self.id}"'.encode(),) if self.target is None else (_literal(self.target),)


@dataclass(frozen=True, slots=True)
class IndexedCriterion:
    """A token or reference parameter: the resource has one of these values."""

    parameter: str
    alternatives: tuple[WantedToken | WantedReference, ...]

    def terms(self, resource_type: str) -> tuple[str, ...]:
        return tuple(alternative.term(resource_type, self.parameter) for alternative in self.alternatives)

    @property
    def patient(self) -> str | None:
        """The id of the one patient it asks for, where it asks for one."""
        match self.alternatives:
            case (WantedReference(target=str(target)),) if target.startswith("Patient/"):
                return target.removeprefix("Patient/")
        return None


@dataclass(frozen=True, slots=True)
class IdCriterion:
    """`_id`: one of these, exactly."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LastUpdatedCriterion:
    """`_lastUpdated`: the instant lies in one of these ranges."""

    ranges: tuple[Range, ...]


Criterion = IndexedCriterion | IdCriterion | LastUpdatedCriterion


def _literal(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()
