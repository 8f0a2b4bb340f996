"""How a patient of a table row fared."""

from __future__ import annotations

import re

from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patient_rows import Row
from fhir_service.extraction.patterns import compiled
from fhir_service.reports.case_report import Coded

_GRADES = compiled(r"(?<![\d/])(?P<a>[0-5])\s?/\s?(?P<b>[0-5])(?![\d/])")
_NO_SURGERY = compiled(r"\b(?:no\s(?:surgery|operation)|conservative|refused\s(?:surgery|operation))\b", re.IGNORECASE)
_LEFT_OVER = compiled(
    r"\b(?:incontinence|retention|decreased\sanal\stone|could\snot\swalk|unable\sto|constipation|minimal\simprovement|wheelchair|residual|partial)\b",
    re.IGNORECASE,
)
ENDS = {
    "recovered": "resolved",
    "fatal": "fatal",
    "improved": "recovering",
    "remaining": "resolvedWithSequelae",
    "unchanged": "ongoing",
}
"""What the words of a table say of the end, by their code in the lexicon of outcomes."""
RESIDUE = "residue"
"""Something may be left, the words do not say what of: then a table says no end."""
_LASTING = compiled(r"\b(?:remain(?:s|ed|ing)?|persist(?:s|ed|ing|ent)?|unchanged|ongoing)\b", re.IGNORECASE)
"""Something is left: of what was operated on, a remainder; where nothing was done, the harm itself."""


def row_outcome(row: Row, *, operated: bool) -> Coded | None:
    """From the grades before and after (5 is full power), from what the row says is left, or from its words."""
    left = _LEFT_OVER.search(row.sentence.text)
    if left is not None:
        return _end(row, "resolvedWithSequelae", left.span(), "sequela")
    grades = list(_GRADES.finditer(row.sentence.text))
    if len(grades) >= 2:
        return _by_grades(row, grades)
    return _by_words(row, operated=operated) if "outcome" in row.columns else None


def _by_grades(row: Row, grades: list[re.Match[str]]) -> Coded | None:
    last = grades[-1]
    if last["a"] == last["b"] == "5":
        return _end(row, "resolved", last.span(), "full-power")
    if last.groups() == grades[0].groups() and _NO_SURGERY.search(row.sentence.text):
        return _end(row, "ongoing", last.span(), "same-power")
    return None


def _by_words(row: Row, *, operated: bool) -> Coded | None:
    text = row.sentence.text
    lasting = _LASTING.search(text)
    if lasting is not None:
        return _end(row, "resolvedWithSequelae" if operated else "ongoing", lasting.span(), "lasting")
    hits = [hit for hit in lexicon("outcomes").find(text) if hit.start > row.age_at[0]]
    if any(hit.code == RESIDUE for hit in hits):
        return None
    hits = [hit for hit in hits if hit.code in ENDS]
    if not hits or text[hits[-1].start : hits[-1].end].lower() == "asymptomatic":
        return None
    return _end(row, ENDS[hits[-1].code], (hits[-1].start, hits[-1].end), "words")


def _end(row: Row, code: str, at: tuple[int, int], rule: str) -> Coded:
    words = row.sentence.text[slice(*at)]
    return Coded(code=code, text=words, span=(row.sentence.span(*at),), rule=f"row_outcomes.{rule}")
