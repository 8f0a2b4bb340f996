"""What a person wants exported, as the kick-off asks for it (Bulk Data Access 3.0.0)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import msgspec

from fhir_service.workflows.bulk_client.errors import NotExported
from fhir_service.workflows.bulk_client.ledger import SINCE

_VALUES = {"_since": "valueInstant", "_until": "valueInstant"}
"""What is no text, by the name of the parameter."""
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`group` is the id of a Group; else `patients` or everything. `since` and `until` are instants. `named` are ids of
    patients: of all those only they."""

    group: str = ""
    patients: bool = False
    types: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    named: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Below the FHIR base. Raises NotExported for what is no id."""
        if self.group and not _ID.fullmatch(self.group):
            raise NotExported(f"{self.group!r} is no id of a Group")
        if self.group:
            return f"Group/{self.group}/$export"
        return "Patient/$export" if self.patients or self.named else "$export"

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The parameters."""
        joined = {"_type": ",".join(self.types), "_elements": ",".join(self.elements)}
        named = [*joined.items(), ("_since", self.since), ("_until", self.until)]
        return (*((name, value) for name, value in named if value), *(("_typeFilter", one) for one in self.filters))

    @property
    def body(self) -> bytes:
        """The same as Parameters, by POST, which is the only way to name patients; empty where none are named. Raises
        NotExported for what is no id."""
        if not self.named:
            return b""
        for one in self.named:
            if not _ID.fullmatch(one):
                raise NotExported(f"{one!r} is no id of a Patient")
        given: list[dict[str, object]] = [
            {"name": name, _VALUES.get(name, "valueString"): value} for name, value in self.pairs
        ]
        given += [{"name": "patient", "valueReference": {"reference": f"Patient/{one}"}} for one in self.named]
        return msgspec.json.encode({"resourceType": "Parameters", "parameter": given})

    @property
    def folder(self) -> str:
        """Where it stands below that of the ledger: what is only since an instant does not mix with the rest."""
        return f"{SINCE}{self.since.replace(':', '.')}" if self.since else ""

    @property
    def text(self) -> str:
        """Path and query, as by GET; the patients that are named too, though they cannot be asked for so."""
        pairs = (*self.pairs, *(("patient", one) for one in self.named))
        query = urlencode(pairs, quote_via=quote, safe=",:")
        return f"{self.path}{'?' + query if query else ''}"
