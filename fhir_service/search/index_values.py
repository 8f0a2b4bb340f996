"""A resource to the values it is found by. Pure, and driven by the search parameter definitions alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

from fhir_service.search.dates import EARLIEST, LATEST, Range, date_range
from fhir_service.search.expressions import Value
from fhir_service.search.parameters import (
    paths_by_member,
    patient_parameter,
    presence_parameters,
    sort_date_parameter,
)
from fhir_service.search.reference_values import normal_reference

_BUCKETS = 256


class TokenValue(NamedTuple):
    """`system` is None where the element has no place for one or holds none."""

    parameter: str
    system: str | None
    code: str | None


class ReferenceValue(NamedTuple):
    """`target` is `Type/id` on this server, else an absolute URL or canonical."""

    parameter: str
    target: str


class DateValue(NamedTuple):
    parameter: str
    range: Range


@dataclass(frozen=True, slots=True)
class IndexValues:
    """All index values of one resource."""

    resource_type: str
    tokens: tuple[TokenValue, ...]
    references: tuple[ReferenceValue, ...]
    dates: tuple[DateValue, ...]

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters that have a value."""
        held: tuple[tuple[TokenValue | ReferenceValue | DateValue, ...], ...] = (
            self.tokens,
            self.references,
            self.dates,
        )
        return frozenset(value.parameter for values in held for value in values)

    @property
    def sort_date(self) -> int | None:
        """Where the resource stands in time: the first moment of its own date, in milliseconds since 1970 UTC."""
        parameter = sort_date_parameter(self.resource_type)
        return min((value.range.low for value in self.dates if value.parameter == parameter), default=None)


def index_values(resource: Mapping[str, Any], base: str | None = None) -> IndexValues:
    """The values of every indexed parameter. References under `base` are taken as relative. What cannot be read as the
    type it should have gives no value."""
    tokens: list[TokenValue] = []
    references: list[ReferenceValue] = []
    dates: list[DateValue] = []
    paths = paths_by_member(resource["resourceType"])
    for member in resource:
        for parameter, path in paths.get(member, ()):
            for value in path.values(resource):
                if parameter.type == "token":
                    tokens.extend(_tokens(parameter.code, value))
                elif parameter.type == "reference":
                    references.extend(_references(parameter.code, value, base))
                else:
                    dates.extend(DateValue(parameter.code, found) for found in _dates(value))
    for parameter in presence_parameters(resource["resourceType"]):
        tokens.append(
            TokenValue(parameter.code, None, "true" if parameter.expression.is_present(resource) else "false")
        )
    return IndexValues(resource["resourceType"], tuple(tokens), tuple(references), tuple(dates))


def partition_key(resource_id: str, values: IndexValues) -> str:
    """The patient a resource belongs to, so that what is read together is kept together; for a resource of no patient
    one of 256 buckets. A bucket begins with `~`, which no id does."""
    if values.resource_type == "Patient":
        return resource_id
    parameter = patient_parameter(values.resource_type)
    for value in values.references:
        if value.parameter == parameter and value.target.startswith("Patient/"):
            return value.target.removeprefix("Patient/")
    return f"~{crc32(f'{values.resource_type}/{resource_id}'.encode()) % _BUCKETS:02x}"


def _tokens(parameter: str, value: Value) -> Iterator[TokenValue]:
    held = value.value
    if isinstance(held, bool):
        yield TokenValue(parameter, None, "true" if held else "false")
    elif isinstance(held, str):
        yield TokenValue(parameter, None, held)
    elif isinstance(held, dict):
        if value.type == "CodeableConcept":
            codings = held.get("coding")
            for coding in codings if isinstance(codings, list) else ():
                yield from _tokens(parameter, Value("Coding", coding))
        elif value.type in ("Identifier", "ContactPoint"):
            yield from _token(parameter, held.get("system") if value.type == "Identifier" else None, held.get("value"))
        elif value.type == "Coding":
            yield from _token(parameter, held.get("system"), held.get("code"))


def _token(parameter: str, system: object, code: object) -> Iterator[TokenValue]:
    if isinstance(system, str) or isinstance(code, str):
        yield TokenValue(
            parameter, system if isinstance(system, str) else None, code if isinstance(code, str) else None
        )


def _references(parameter: str, value: Value, base: str | None) -> Iterator[ReferenceValue]:
    address = value.value.get("reference") if isinstance(value.value, dict) else value.value
    target = normal_reference(address, base) if isinstance(address, str) else None
    if target is not None:
        yield ReferenceValue(parameter, target)
        if value.type == "canonical" and "|" in target:
            yield ReferenceValue(parameter, target.partition("|")[0])


def _dates(value: Value) -> Iterator[Range]:
    held = value.value
    if isinstance(held, str):
        found = _range(held)
        if found is not None:
            yield found
    elif isinstance(held, dict) and value.type == "Period":
        start, end = _range(held.get("start")), _range(held.get("end"))
        if start or end:
            yield Range(start.low if start else EARLIEST, end.high if end else LATEST)
    elif isinstance(held, dict) and value.type == "Timing":
        events = held.get("event")
        for event in events if isinstance(events, list) else ():
            yield from _dates(Value("dateTime", event))


def _range(text: object) -> Range | None:
    try:
        return date_range(text) if isinstance(text, str) else None
    except ValueError:
        return None
