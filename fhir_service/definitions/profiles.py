"""HL7's own profiles and extensions for R4, as StructureDefinitions with a differential and without prose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from fhir_service.definitions.data_files import read_data


class _Profiles(msgspec.Struct, frozen=True):
    profiles: Mapping[str, msgspec.Raw]
    """As text by canonical URL: a process meets few of them."""


class _Read(Mapping[str, dict[str, Any]]):
    def __init__(self, texts: Mapping[str, msgspec.Raw]) -> None:
        self._texts = texts

    def __getitem__(self, url: str) -> dict[str, Any]:
        found: dict[str, Any] = _decoder.decode(self._texts[url])
        return found

    def __contains__(self, url: object) -> bool:
        return url in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


_decoder = msgspec.json.Decoder()


@cache
def r4_profiles() -> Mapping[str, dict[str, Any]]:
    """Those of R4 itself, and the extensions that HL7 has published for it since, by canonical URL; each is read anew
    when it is asked for."""
    return _Read(read_data("profiles.json", _Profiles).profiles)
