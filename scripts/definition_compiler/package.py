"""The unpacked npm package, read into memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NAME, VERSION = "hl7.fhir.r4.examples", "4.0.1"

Resource = dict[str, Any]


class Package:
    """Definitions of one unpacked package folder, in the order of their file names."""

    def __init__(self, folder: Path) -> None:
        manifest = json.loads((folder / "package.json").read_text("utf-8"))
        found = f"{manifest['name']}@{manifest['version']}"
        if found != f"{NAME}@{VERSION}":
            raise SystemExit(f"{folder} holds {found}, not {NAME}@{VERSION}")
        self._folder = folder

    def resources(self, resource_type: str) -> list[Resource]:
        """Every resource of that type."""
        files = sorted(self._folder.glob(f"{resource_type}-*.json"))
        return [json.loads(file.read_text("utf-8")) for file in files]

    def by_url(self, resource_type: str) -> dict[str, Resource]:
        """Every resource of that type under its canonical URL."""
        return {resource["url"]: resource for resource in self.resources(resource_type)}
