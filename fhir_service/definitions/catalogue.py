"""Our own artifacts under `mappings/`: where they are, and each by kind and canonical URL.

FHIR artifacts are JSON, one resource a file; StructureMaps are FHIR Mapping Language; lexicons are plain data. The
files are written with DEFAULT_BASE; a catalogue opened with another base has it exchanged in every file it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

DEFAULT_BASE = "https://vertebral-augmentation.example.org/fhir"
_PACKAGE = Path(__file__).resolve().parent.parent


class Kind(StrEnum):
    """A kind of JSON artifact; the value is its folder."""

    CONCEPT_MAP = "concept-maps"
    CODE_SYSTEM = "code-systems"
    VALUE_SET = "value-sets"
    PROFILE = "profiles"
    LOGICAL_MODEL = "logical-models"
    QUESTIONNAIRE = "questionnaires"
    SEARCH_PARAMETER = "search-parameters"
    OPERATION = "operations"


class UnknownArtifact(LookupError):
    """`mappings/` holds no such artifact."""


class BrokenArtifact(ValueError):
    """A file under `mappings/` cannot be used; the message names the file and what to mend."""


class Catalogue:
    """The artifacts of one `mappings/` folder. Reads a folder on first use and keeps it."""

    def __init__(self, root: Path, base: str = DEFAULT_BASE) -> None:
        self.root = root
        self.base = base
        self._read: dict[Kind, Mapping[str, dict[str, Any]]] = {}

    def artifacts(self, kind: Kind) -> Mapping[str, dict[str, Any]]:
        """Every artifact of that kind by canonical URL; empty where the folder is missing. Raises BrokenArtifact."""
        if kind not in self._read:
            self._read[kind] = MappingProxyType(self._read_folder(kind))
        return self._read[kind]

    def artifact(self, kind: Kind, url: str) -> dict[str, Any]:
        """The artifact with that canonical URL, with or without `|version`. Raises UnknownArtifact."""
        canonical, _, version = url.partition("|")
        found = self.artifacts(kind).get(canonical)
        if found is None or version not in ("", found.get("version")):
            raise UnknownArtifact(f"there is no {url} in {self.root / kind}")
        return found

    def files(self, kind: Kind) -> Mapping[str, str]:
        """The text of each artifact of that kind by file name without `.json`."""
        return {file.stem: self._text(file) for file in self._paths(kind)}

    @cached_property
    def structure_maps(self) -> Mapping[str, str]:
        """The text of each map in FHIR Mapping Language, by file name without `.fml`."""
        files = sorted((self.root / "structure-maps").glob("*.fml"))
        return MappingProxyType({file.stem: self._text(file) for file in files})

    def structure_map(self, name: str) -> str:
        """The text of one map. Raises UnknownArtifact."""
        try:
            return self.structure_maps[name]
        except KeyError:
            raise UnknownArtifact(f"there is no {name}.fml in {self.root / 'structure-maps'}") from None

    @cached_property
    def views(self) -> Mapping[str, dict[str, Any]]:
        """Every ViewDefinition (SQL on FHIR, no resource of R4) by canonical URL. Raises BrokenArtifact."""
        return MappingProxyType(self._read_folder("views"))

    def text(self, file: str) -> str:
        """A file of text below the folder. Raises UnknownArtifact."""
        try:
            return self._text(self.root / file)
        except FileNotFoundError:
            raise UnknownArtifact(f"there is no {self.root / file}") from None

    def lexicon(self, name: str) -> Path:
        """The file `lexicons/name`. Raises UnknownArtifact."""
        file = self.root / "lexicons" / name
        if not file.is_file():
            raise UnknownArtifact(f"there is no {file}")
        return file

    def _read_folder(self, kind: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for file in self._paths(kind):
            try:
                resource = msgspec.json.decode(self._text(file))
            except msgspec.DecodeError as error:
                raise BrokenArtifact(f"{file} is not JSON: {error}") from error
            url = resource.get("url") if isinstance(resource, dict) else None
            if not isinstance(url, str) or not url:
                raise BrokenArtifact(f"{file} has no url")
            if url in found:
                raise BrokenArtifact(f"{file} has the url {url}, and so has another file of its folder")
            found[url] = resource
        return found

    def _paths(self, kind: str) -> list[Path]:
        """Its files, those of other people's guides in folders of their own. Raises BrokenArtifact."""
        found: dict[str, Path] = {}
        for file in sorted((self.root / kind).rglob("*.json")):
            if (other := found.setdefault(file.stem, file)) is not file:
                raise BrokenArtifact(f"{file} has the name of {other}")
        return list(found.values())

    def _text(self, file: Path) -> str:
        text = file.read_text("utf-8")
        return text if self.base == DEFAULT_BASE else text.replace(DEFAULT_BASE, self.base)


def mappings_root() -> Path:
    """The `mappings/` folder: inside an installed package, else in the checkout. Raises UnknownArtifact."""
    for candidate in (_PACKAGE / "_data" / "mappings", _PACKAGE.parent / "mappings"):
        if candidate.is_dir():
            return candidate
    raise UnknownArtifact(f"there is no mappings folder, neither in {_PACKAGE / '_data'} nor in {_PACKAGE.parent}")


@cache
def catalogue(base: str = DEFAULT_BASE) -> Catalogue:
    """The service's own artifacts, their URLs under `base`. Raises UnknownArtifact where there is no folder."""
    return Catalogue(mappings_root(), base)
