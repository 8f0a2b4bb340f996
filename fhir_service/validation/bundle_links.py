"""Where a reference inside a Bundle leads (R4 bundle.html#references)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from fhir_service.fhir.references import restful_url

_HISTORY = "/_history/"


class _Versions:
    """Entries of one name, each as its index."""

    __slots__ = ("every", "of")

    def __init__(self) -> None:
        self.every: list[int] = []
        self.of: defaultdict[str, list[int]] = defaultdict(list)
        """By meta.versionId; empty for those that say none."""

    def add(self, index: int, version: str) -> None:
        self.every.append(index)
        self.of[version].append(index)

    def meant(self, version: str) -> list[int]:
        """Those that a reference with that version means; one that says none may be any."""
        if not version:
            return self.every
        return self.of.get(version, []) + self.of.get("", [])


class Entries:
    """The resources of a Bundle by what references can say of them; each is an index into its entries."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._by_url: defaultdict[str, _Versions] = defaultdict(_Versions)
        self._by_name: defaultdict[str, _Versions] = defaultdict(_Versions)
        for index, entry in enumerate(entries):
            url = entry.get("fullUrl")
            if isinstance(url, str):
                self._by_url[url].add(index, _version(entry))
            elif "id" in (resource := entry.get("resource", {})):
                self._by_name[f"{resource['resourceType']}/{resource['id']}"].add(index, _version(entry))

    def led_to(self, reference: str, full_url: str) -> Sequence[int]:
        """The entries that a reference means, in a resource with that fullUrl (may be empty); not to be changed."""
        address, _, version = reference.partition(_HISTORY)
        found = self._by_url.get(_absolute(address, full_url)) or self._by_name.get(address)
        return found.meant(version) if found else []


def _absolute(address: str, full_url: str) -> str:
    """A relative reference is resolved on the base of the resource that it stands in, where that has one."""
    own = restful_url(full_url)
    relative = restful_url(address)
    return f"{own.root}/{address}" if own and relative and not relative.root else address


def _version(entry: Mapping[str, Any]) -> str:
    return str(entry.get("resource", {}).get("meta", {}).get("versionId", ""))
