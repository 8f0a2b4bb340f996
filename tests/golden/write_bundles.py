"""Write bundle.json of every golden case, and the table of them all, anew; then read the difference.

PYTHONPATH=tests python tests/golden/write_bundles.py
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from golden_cases import CASES, ROOT, without_versions

from fhir_service.definitions.catalogue import catalogue
from fhir_service.mapping.map_report import encode_bundle
from fhir_service.workflows.load_report import stored_form
from fhir_service.workflows.registry_table import write_registry_table


async def resources() -> AsyncIterator[dict[str, Any]]:
    for case in CASES.values():
        for resource in stored_form(case.mapped()).values():
            yield resource


for case in CASES.values():
    readable = msgspec.json.format(encode_bundle(without_versions(case.mapped())), indent=2)
    (case.folder / "bundle.json").write_bytes(readable + b"\n")
asyncio.run(write_registry_table(ROOT / "registry-table.csv", resources(), catalogue(), print))
