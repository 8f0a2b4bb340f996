"""What a person wants exported, as the kick-off asks for it (Bulk Data Access 3.0.0)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from fhir_service.workflows.bulk_client.errors import NotExported
from fhir_service.workflows.bulk_client.ledger import SINCE

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`group` is the id of a Group; else `patients` or everything. `since` and `until` are instants."""

    group: str = ""
    patients: bool = False
    types: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    @property
    def path(self) -> str:
        """Below the FHIR base. Raises NotExported for what is no id."""
        if self.group and not _ID.fullmatch(self.group):
            raise NotExported(f"{self.group!r} is no id of a Group")
        return f"Group/{self.group}/$export" if self.group else "Patient/$export" if self.patients else "$export"

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The parameters."""
        joined = {"_type": ",".join(self.types), "_elements": ",".join(self.elements)}
        named = [*joined.items(), ("_since", self.since), ("_until", self.until)]
        return (*((name, value) for name, value in named if value), *(("_typeFilter", one) for one in self.filters))

    @property
    def folder(self) -> str:
        """Where it stands below that of the ledger: what is only since an instant does not mix with the rest."""
        return f"{SINCE}{self.since.replace(':', '.')}" if self.since else ""

    @property
    def text(self) -> str:
        """Path and query."""
        query = urlencode(self.pairs, quote_via=quote, safe=",:")
        return f"{self.path}{'?' + query if query else ''}"
