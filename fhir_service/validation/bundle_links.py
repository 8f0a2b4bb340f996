"""Where a reference inside a Bundle leads (R4 bundle.html#references)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from fhir_service.fhir.references import restful_url

_HISTORY = "/_history/"


class Entries:
    """The resources of a Bundle by what references can say of them; each is an index into its entries."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._by_url: defaultdict[str, list[int]] = defaultdict(list)
        self._by_name: defaultdict[str, list[int]] = defaultdict(list)
        self._versions = [_version(entry) for entry in entries]
        for index, entry in enumerate(entries):
            url = entry.get("fullUrl")
            if isinstance(url, str):
                self._by_url[url].append(index)
            elif "id" in (resource := entry.get("resource", {})):
                self._by_name[f"{resource['resourceType']}/{resource['id']}"].append(index)

    def led_to(self, reference: str, full_url: str) -> list[int]:
        """The entries that a reference means, in a resource with that fullUrl (may be empty). One that has no version
        yet may be any."""
        address, _, version = reference.partition(_HISTORY)
        found = self._by_url.get(_absolute(address, full_url)) or self._by_name.get(address) or []
        return [index for index in found if not version or self._versions[index] in ("", version)]


def _absolute(address: str, full_url: str) -> str:
    """A relative reference is resolved on the base of the resource that it stands in, where that has one."""
    own = restful_url(full_url)
    relative = restful_url(address)
    return f"{own.root}/{address}" if own and relative and not relative.root else address


def _version(entry: Mapping[str, Any]) -> str:
    return str(entry.get("resource", {}).get("meta", {}).get("versionId", ""))
