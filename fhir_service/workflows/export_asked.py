"""The parameters of a kick-off (Bulk Data Access 3.0.0), read and judged.

What this server does not do is refused with the reason; where the client prefers leniency the export runs without it,
and its manifest says so. Leaving a parameter out in silence would give another answer than was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from fhir_service.definitions.compartments import compartment
from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.access import Access, Letter
from fhir_service.fhir.errors import FhirError, Forbidden, InvalidParameter, Issue, UnsupportedParameter
from fhir_service.fhir.parameters import Parameter, Parameters
from fhir_service.formats.subsets import unknown_elements
from fhir_service.search.dates import date_range
from fhir_service.search.in_memory import stands_alone
from fhir_service.search.value_sets import Terminology
from fhir_service.workflows.export_request import (
    BESIDE,
    NDJSON,
    PARQUET,
    ExportRequest,
    Guide,
    Level,
    says_how,
    type_filter,
)

FORMATS = {NDJSON: NDJSON, "application/ndjson": NDJSON, "ndjson": NDJSON, PARQUET: PARQUET}
"""What the files are, by the names that clients have for it."""
RELEVANT, LATEST = "RelevantProvenanceResources", "LatestProvenanceResources"
_KNOWN = frozenset(
    {
        *("_outputFormat", "_since", "_until", "_type", "_elements", "patient", "includeAssociatedData"),
        *("_typeFilter", "organizeOutputBy", "allowPartialManifests", "_format", "_pretty"),
    }
)
_LETTERS: tuple[Letter, ...] = ("r", "s")
"""What a client has to be allowed with a type to have it exported."""
_OF_MANY = "Group"
_FILTER = re.compile(r"([A-Z][A-Za-z]+)\?(.*)", re.DOTALL)
_BETWEEN_FILTERS = re.compile(r",(?=[A-Z][A-Za-z]+\?)")
_PATIENT = re.compile(r"(?:.*/)?Patient/([A-Za-z0-9\-.]{1,64})")
_MOST_FILTERS = 100


@dataclass(slots=True)
class Asked:
    """The parameters of one kick-off, read one after the other. `served` are the types that there are here, `access`
    says which of them the client may have; with `lenient` what is not supported is left out and told of in `left_out`.

    Each reader raises InvalidParameter and UnsupportedParameter.
    """

    parameters: Parameters
    level: Level
    served: Collection[str]
    access: Access
    base: str
    lenient: bool
    terminology: Callable[[], Terminology | None]
    guide: Guide = "3.0.0"
    left_out: list[Issue] = field(default_factory=list)

    def check(self) -> None:
        """The names."""
        for name in dict.fromkeys(item.name for item in self.parameters.items):
            if name not in _KNOWN:
                self._leave_out(name[:80], "this operation has no such parameter")

    def format(self) -> str:
        """The media type of the files."""
        wanted = self.parameters.text("_outputFormat").replace(" ", "+")
        if wanted and wanted not in FORMATS:
            self._leave_out("_outputFormat", f"'{wanted[:80]}' is not written here; it is one of {', '.join(FORMATS)}")
        return FORMATS.get(wanted, NDJSON)

    def instant(self, name: str) -> int | None:
        text = self.parameters.text(name)
        if not text:
            return None
        try:
            return date_range(text.replace(" ", "+")).low  # a plus that was not written as %2B comes as a blank
        except ValueError:
            raise self._invalid(name, "it has to be an instant such as 2026-01-31T12:00:00Z") from None

    def types(self) -> tuple[str, ...]:
        """Raises Forbidden too."""
        offered = self._offered()
        asked = list(dict.fromkeys(self._listed("_type")))
        wanted = []
        for name in asked:
            if name not in resource_types():
                raise self._invalid("_type", f"FHIR R4 has no {name[:80]}")
            if name in offered:
                wanted.append(name)
            elif name in self.served and not self._may_have(name):
                self._forbid(name)
            elif name in self.served:
                self._leave_out("_type", f"{name} is in no Patient compartment that is exported here")
            else:
                self._leave_out("_type", f"{name} is not served here")
        if not offered:
            raise Forbidden("the scope of the token allows to read none of the types of this export")
        if asked and not wanted:
            raise self._invalid("_type", "none of these types can be exported here")
        if wanted and self._associated() and "Provenance" in offered:
            wanted.append("Provenance")
        return tuple(sorted(set(wanted or offered)))

    def provenance(self, types: Collection[str]) -> tuple[tuple[str, ...] | None, bool]:
        """The types whose Provenance alone is wanted, None where it is wanted as any other type; and whether only the
        newest. Of two values that contradict each other the one with the larger result counts."""
        named = tuple(dict.fromkeys(self._listed("_type")))
        found = self._associated()
        for value in self._listed("includeAssociatedData"):
            if value not in (RELEVANT, LATEST):
                known = f"{LATEST} and {RELEVANT} are"
                self._leave_out("includeAssociatedData", f"'{value[:80]}' is not done here; {known}")
        if "Provenance" not in types:
            return None, False
        if found and RELEVANT not in found:
            others = tuple(kind for kind in types if kind != "Provenance")
            return others or tuple(self._offered()), True
        return (named, False) if named and "Provenance" not in named else (None, False)

    def filters(self, types: Collection[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        texts = [part for value in self._texts("_typeFilter") for part in self._filters_in(value)]
        if len(texts) > _MOST_FILTERS:
            raise self._invalid("_typeFilter", f"there are more than {_MOST_FILTERS} of them")
        for text in texts:
            matched = _FILTER.fullmatch(text)
            if matched is None:
                raise self._invalid("_typeFilter", f"'{text[:80]}' is no search such as Observation?code=x")
            kind, search = matched.groups()
            if kind not in types:
                self._leave_out("_typeFilter", f"{kind[:80]} is not among the types of this export")
            elif self._can_filter(kind, search):
                found.setdefault(kind, []).append(search)
        return {kind: tuple(searches) for kind, searches in found.items()}

    def elements(self, types: Collection[str]) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(self._listed("_elements")))
        for name in names:
            scope, _, _ = name.rpartition(".")
            if not any(not unknown_elements((name,), kind) for kind in types if scope in ("", kind)):
                self._leave_out("_elements", f"no type of this export has a root element '{name[:80]}'")
                names = tuple(other for other in names if other != name)
        return names

    def patients(self) -> tuple[str, ...] | None:
        items = self.parameters.all("patient")
        if not items:
            return None
        if self.level == "system" or self.parameters.where == "http":
            text = "it goes by POST in Parameters, with Patient/$export and Group/[id]/$export"
            self._leave_out("patient", text)
            return None
        return tuple(sorted({self._patient(item) for item in items}))

    def organized_by(self, types: Collection[str], output: str) -> str:
        """The type whose resources the files are blocks of; empty: a type in each file."""
        name = self.parameters.text("organizeOutputBy")
        if name and name not in resource_types():
            raise self._invalid("organizeOutputBy", f"FHIR R4 has no {name[:80]}")
        if name and name not in types:
            self._leave_out("organizeOutputBy", f"{name} is not among the types of this export")
        elif name and output != NDJSON:
            self._leave_out("organizeOutputBy", "a table has one type; it goes with lines of JSON")
        else:
            return name
        return ""

    def partial(self) -> bool:
        return bool(self.parameters.flag("allowPartialManifests"))

    def _patient(self, item: Parameter) -> str:
        reference = item.value.get("reference") if isinstance(item.value, dict) else None
        found = _PATIENT.fullmatch(reference) if isinstance(reference, str) else None
        if found is None:
            raise self._invalid("patient", "it has to be a valueReference such as Patient/1")
        return found[1]

    def _associated(self) -> set[str]:
        """The values of includeAssociatedData that are done here."""
        return {value for value in self._listed("includeAssociatedData") if value in (RELEVANT, LATEST)}

    def _offered(self) -> list[str]:
        mine = {kind for kind in self.served if self._may_have(kind)}
        if self.level == "system":
            return sorted(mine)
        return sorted(mine.intersection({"Patient", *compartment("Patient"), *BESIDE} - {_OF_MANY}))

    def _may_have(self, kind: str) -> bool:
        return may_have(self.access, kind)

    def _forbid(self, kind: str) -> None:
        if not self.lenient:
            raise Forbidden(f"the scope of the token does not allow to export {kind}")
        self._leave_out("_type", f"the scope of the token does not allow to export {kind}")

    def _filters_in(self, value: str) -> list[str]:
        return [value] if self.guide != "3.0.0" else _BETWEEN_FILTERS.split(value)

    def _can_filter(self, kind: str, search: str) -> bool:
        try:
            query = type_filter(kind, search, self.base, self.terminology())
        except FhirError as fault:
            self._leave_out("_typeFilter", f"{kind}?{search[:80]}: {fault}")
            return False
        told = [*(issue.text for issue in query.ignored)]
        if says_how(search):
            told.append("it says what is wanted, and not how it comes: no _sort, _include, _elements and so on")
        if not stands_alone(query.criteria):
            told.append("a search over other resources (chain, _has) is not done in an export")
        for text in told:
            self._leave_out("_typeFilter", f"{kind}?{search[:80]}: {text}")
        return not told

    def _listed(self, name: str) -> list[str]:
        """The values, also those with commas between them, which the next release of the guide has no longer."""
        found = []
        for value in self._texts(name):
            if self.guide != "3.0.0" and "," in value:
                raise self._invalid(name, "several values are several parameters, not one with commas")
            found += [part.strip() for part in value.split(",") if part.strip()]
        return found

    def _texts(self, name: str) -> Iterator[str]:
        for value in self.parameters.values(name):
            text = value.get("code") if isinstance(value, dict) else value  # a Coding in the next release
            if not isinstance(text, str):
                raise self._invalid(name, "it has to be a text")
            yield text

    def _leave_out(self, name: str, reason: str) -> None:
        text, place = f"{name}: {reason}", (self.parameters.place(name),)
        if not self.lenient:
            raise UnsupportedParameter(f"{text}; leave it out, or prefer handling=lenient", expression=place)
        self.left_out.append(Issue("warning", "not-supported", f"{text}; the export runs without it", place))

    def _invalid(self, name: str, reason: str) -> InvalidParameter:
        return InvalidParameter(f"{name}: {reason}", expression=(self.parameters.place(name),))


def may_have(access: Access, kind: str) -> bool:
    return all(access.may(letter, kind) for letter in _LETTERS)


def restrictions(access: Access, types: Collection[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """What an access asks of resources of these types: searches, of each group of which one has to be met."""
    found = {}
    for kind in types:
        groups = dict.fromkeys(access.restriction(letter, kind) for letter in _LETTERS)
        if asked := tuple(group for group in groups if group):
            found[kind] = asked
    return found


def covers(access: Access, request: ExportRequest) -> bool:
    """Whether all of an export may be had with an access: that it was begun with, or one that allows no less."""
    if not all(may_have(access, kind) for kind in request.types):
        return False
    now = restrictions(access, request.types)
    return all(request.restrictions.get(kind) == asked for kind, asked in now.items())
