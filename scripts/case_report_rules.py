"""The catalogue of the rules of case reports, made of the logical model and of the cases that break each rule."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rule_rows import as_shown, row

from fhir_service.definitions.catalogue import Kind, catalogue
from fhir_service.validation.case_report_model import parts_of

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests"))

from case_report_cases import rule_cases  # noqa: E402  # a folder of tests, not on the path

PAGE = ROOT / "docs" / "conformance" / "case-report-rules.md"
_HEAD = """# The rules a case report is checked against

Made by `make rules` of `mappings/logical-models/` and `tests/unit/validation/case_report_rule_cases.toml`; do not edit
it. `fhir-service validate` checks a case report in logical-model JSON. An error says what cannot be so, a warning what
is hardly so. Only what is affirmed is held to the clinical rules; what is not stated breaks none.
`mappings/README.md` says how to add a rule.

## Structure, codes and references

| rule | severity | what is found |
|---|---|---|
| `case-report.unknown-element` | error | an element that the logical model has not; the nearest names are told |
| `case-report.type` | error | a value where an object is needed, or the reverse |
| `case-report.cardinality` | error | one value where a list is needed, or the reverse |
| `case-report.required` | error | an element that has to be there is missing |
| `case-report.empty` | error | null, an empty object or an empty list |
| `case-report.primitive` | error | a number, date, code or text that is not written as its type is |
| `case-report.code` | error | a code that is not of the value set; the nearest codes are told |
| `case-report.duplicate-id` | error | the id of another fact of the report |
| `case-report.reference` | error | an id of no fact, of a fact of another kind, or of another patient |
| `case-report.more`, `case-report.rules-not-checked` | information | there is more than is listed, or was checked |

## Clinical rules

| rule | of | severity | what holds | what to do where it does not | what breaks it |
|---|---|---|---|---|---|
"""


def page() -> str:
    """The page as it should be."""
    shown = {case.rule: case.shown for case in rule_cases()}
    rows = sorted((entry["key"], of, entry) for of, entry in _constraints())
    return _HEAD + "".join(_row(of, entry, shown[key]) for key, of, entry in rows)


def _constraints() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every constraint of the model and its data types, with the path of its element."""
    for model in catalogue().artifacts(Kind.LOGICAL_MODEL).values():
        for element in model["differential"]["element"]:
            yield from ((element["path"], entry) for entry in element.get("constraint", ()))


def _row(of: str, entry: dict[str, Any], shown: Any) -> str:
    fix = parts_of(entry["extension"][0])["fix"]
    cells = (f"`{entry['key']}`", f"`{of}`", entry["severity"], entry["human"], fix, f"`{as_shown(shown)}`")
    return row(cells)
