"""The catalogue of the rules of submissions, beyond those of what they hold, made of the CodeSystem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rule_rows import row

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue

PAGE = Path(__file__).parent.parent / "docs" / "conformance" / "submission-rules.md"
_HEAD = """# The rules a submission is held against

Made by `make rules` of `mappings/code-systems/submission-rule.json`; do not edit it. A finding about a submission has
its rule as the code in `details.coding`; the code stays the same for ever. Beside these a finding may be of a clinical
rule or the structure of a case report ([`case-report.…`](case-report-rules.md)), of R4, a profile or a code system
([`structure.…`, `profile.…`, `code.…`, invariants](validation-rules.md)), or of the form (`form.…`). An error refuses
the submission; `docs/howto/submissions.md` says how to submit.

| rule | severity | what it means | how it is mended |
|---|---|---|---|
"""


def page() -> str:
    """The page as it should be."""
    rules = catalogue().artifact(Kind.CODE_SYSTEM, f"{DEFAULT_BASE}/CodeSystem/submission-rule")["concept"]
    return _HEAD + "".join(_row(rule) for rule in rules)


def _row(rule: dict[str, Any]) -> str:
    held = {entry["code"]: entry.get("valueCode", entry.get("valueString", "")) for entry in rule["property"]}
    return row((f"`{rule['code']}`", held["severity"], rule["definition"], held["fix"]))
