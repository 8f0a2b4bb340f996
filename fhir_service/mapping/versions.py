"""The versions of the artifacts under `mappings/`, held to their content by the file `versions.lock` there.

A line is a file, its version, and the digest of what it says in that version: for a map also of every map it imports
and every ConceptMap these translate by, so that the version of a map stands for all it does. An artifact whose digest
has changed needs another version.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from fhir_service.definitions.catalogue import Catalogue, Kind
from fhir_service.fhir.json_text import encode
from fhir_service.mapping.attribution import concept_maps_of
from fhir_service.mapping.library import MapLibrary, load_library

LOCK = "versions.lock"
_TOP = "# Written by `make versions`. Lines of two branches may stand side by side until it is run again."
_LAST_NUMBER = re.compile(r"\d+$")
_VERSION = re.compile(r"""(?m)(?P<before>^/// version = '|^  "version": ")(?P<version>[^'"]*)""")
"""The version as a map says it, and as a resource says it on its own first level."""


class Held(NamedTuple):
    """What the lock holds an artifact to."""

    version: str
    digest: str


def versions(artifacts: Catalogue) -> dict[str, Held]:
    """Version and digest of every artifact, by its file below `mappings/`. Raises MappingError, BrokenArtifact."""
    found, digests = {}, {}
    folders = [*((str(kind), artifacts.artifacts(kind)) for kind in Kind), ("views", artifacts.views)]
    for folder, resources in folders:
        for url, resource in resources.items():
            digests[url] = _digest(encode({name: value for name, value in resource.items() if name != "version"}))
            if url.startswith(artifacts.base):  # others are of somebody's guide, whose version is theirs
                found[f"{folder}/{resource['id']}.json"] = Held(str(resource.get("version", "")), digests[url])
    maps = load_library(artifacts)
    for url in maps.maps:
        digests[url] = _digest(_VERSION.sub("", artifacts.structure_map(_name(url))).encode())
    for url, tree in maps.maps.items():
        together = "".join(sorted(digests[part] for part in _parts(maps, url)))
        version = str(tree.meta("version") or "")
        found[f"structure-maps/{_name(url)}.fml"] = Held(version, _digest(together.encode()))
    return found


def unraised(now: Mapping[str, Held], lock: str) -> list[str]:
    """The artifacts that say something else than the lock knows of their version: these need another."""
    known = _read(lock)
    return sorted(
        file
        for file, held in now.items()
        if held not in known[file] and held.version in {one.version for one in known[file]}
    )


def not_locked(artifacts: Catalogue) -> list[str]:
    """The artifacts that the lock beside them knows otherwise under their version; none where there is no lock."""
    file = artifacts.root / LOCK
    return unraised(versions(artifacts), file.read_text("utf-8")) if file.is_file() else []


def raised(text: str) -> str:
    """The text of an artifact with the last number of its version one higher. Raises ValueError where it has none."""
    found = _VERSION.search(text)
    number = _LAST_NUMBER.search(found["version"]) if found else None
    if found is None or number is None:
        raise ValueError("there is no version that ends in a number")
    version = f"{found['version'][: number.start()]}{int(number[0]) + 1}"
    return text[: found.start("version")] + version + text[found.end("version") :]


def lock_text(now: Mapping[str, Held]) -> str:
    """The lock of these artifacts."""
    return "\n".join([_TOP, *(f"{file} {held.version} {held.digest}" for file, held in sorted(now.items())), ""])


def _read(lock: str) -> defaultdict[str, set[Held]]:
    known: defaultdict[str, set[Held]] = defaultdict(set)
    for line in lock.splitlines():
        if line and not line.startswith("#"):
            file, version, digest = line.split(" ")
            known[file].add(Held(version, digest))
    return known


def _parts(maps: MapLibrary, url: str) -> set[str]:
    """The map, all it imports, and the ConceptMaps of them all."""
    found = {url, *maps.imported(url)}
    return found.union(*(concept_maps_of(maps.maps[one]) for one in found))


def _name(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
