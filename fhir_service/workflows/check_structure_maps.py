"""Map files, as text or as StructureMap in JSON, to trees, and to what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fhir_service.fhir.errors import MalformedContent
from fhir_service.fhir.json_text import parse
from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.map_report import map_library
from fhir_service.mapping.parser import parse_map
from fhir_service.mapping.structure_map_reader import read_structure_map
from fhir_service.mapping.syntax import StructureMap


@dataclass(frozen=True, slots=True)
class MapFile:
    """A map and the file it was read from; `text` is what was written, None for a resource."""

    path: Path
    tree: StructureMap
    text: str | None


@dataclass(frozen=True, slots=True)
class MapProblem:
    """What is wrong, and where: `line` and `column`, or the `place` in a resource; neither for the whole file."""

    path: Path | None
    text: str
    line: int = 0
    column: int = 0
    place: str = ""

    def __str__(self) -> str:
        found = [str(self.path)] if self.path is not None else []
        found += [f"{self.line}:{self.column}"] if self.line else [self.place] if self.place else []
        return ":".join(found) + f": {self.text}" if found else self.text


def read_map_file(path: Path, *, max_bytes: int) -> MapFile | MapProblem:
    """The map that a file holds: a StructureMap where it begins with `{`, else mapping language in UTF-8."""
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
        if len(raw) > max_bytes:
            return MapProblem(path, f"it is larger than {max_bytes:,} bytes")
        return _read(path, raw)
    except OSError as error:
        return MapProblem(path, f"it cannot be opened ({error.strerror})")
    except UnicodeDecodeError:
        return MapProblem(path, "it is not UTF-8")
    except MappingError as error:
        return _problem(path, error)
    except MalformedContent as error:
        return MapProblem(path, str(error))


def _read(path: Path, raw: bytes) -> MapFile:
    if raw.lstrip().startswith(b"{"):
        return MapFile(path, read_structure_map(parse(raw)), None)
    text = raw.decode("utf-8-sig")
    return MapFile(path, parse_map(text, path.stem), text)


def load_problem(files: Sequence[MapFile], base: str) -> MapProblem | None:
    """The first thing that keeps these maps, beside those of the service, from being run: an element, type, variable,
    group, import or ConceptMap that is not there. None: they can be run."""
    by_name = {file.tree.name: file.path for file in files}
    try:
        map_library(base).with_maps([file.tree for file in files])
    except MappingError as error:
        return _problem(by_name.get(error.map_name), error)
    return None


def _problem(path: Path | None, error: MappingError) -> MapProblem:
    text = error.problem if path is not None else str(error)
    return MapProblem(path, text, error.line, error.column, error.path)
