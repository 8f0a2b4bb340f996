"""The unpacked npm package, read into memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NAME, VERSION = "hl7.fhir.r4.examples", "4.0.1"
EXTENSIONS = ("hl7.fhir.uv.extensions.r4", "5.3.0-ballot-tc1")
"""What HL7 has defined for R4 since."""

Resource = dict[str, Any]


class Package:
    """Definitions of one unpacked package folder, in the order of their file names."""

    def __init__(self, folder: Path, wanted: tuple[str, str] = (NAME, VERSION)) -> None:
        manifest = json.loads((folder / "package.json").read_text("utf-8"))
        found = f"{manifest['name']}@{manifest['version']}"
        if found != "@".join(wanted):
            raise SystemExit(f"{folder} holds {found}, not {'@'.join(wanted)}")
        self._folder = folder

    def resources(self, resource_type: str) -> list[Resource]:
        """Every resource of that type."""
        files = sorted(self._folder.glob(f"{resource_type}-*.json"))
        return [json.loads(file.read_text("utf-8")) for file in files]

    def by_url(self, resource_type: str) -> dict[str, Resource]:
        """Every resource of that type under its canonical URL."""
        return {resource["url"]: resource for resource in self.resources(resource_type)}
