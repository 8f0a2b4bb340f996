"""Write bundle.json of every golden case anew, then read the difference.

PYTHONPATH=tests python tests/golden/write_bundles.py
"""

from __future__ import annotations

import msgspec
from golden_cases import CASES, without_versions

from fhir_service.mapping.map_report import encode_bundle

for case in CASES.values():
    readable = msgspec.json.format(encode_bundle(without_versions(case.mapped())), indent=2)
    (case.folder / "bundle.json").write_bytes(readable + b"\n")
