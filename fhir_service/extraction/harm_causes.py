"""What a report says a harm came from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhir_service.extraction.document import Section
from fhir_service.extraction.harms import Harm
from fhir_service.extraction.patterns import compiled
from fhir_service.reports.case_report import Coded

_CAUSE = compiled(
    r"\b(?:caused\sby|due\sto|because\sof|resulting\sfrom|resulted\sfrom|secondary\sto|as\sa\sresult\sof|attributed\sto|owing\sto|gave\srise\sto)\s[^.;,()]{3,80}",
    re.IGNORECASE,
)
_BY_SOMETHING_ELSE = compiled(
    r"\b(?!cement|procedure|surg|operation|leak|\w*plasty)[a-z]+[\s-]induced\b", re.IGNORECASE
)
_FATAL_CAUSE = compiled(
    r"\b(?:of|from|due\sto|because\sof|owing\sto)\s(?:an?\s|the\s|her\s|his\s)?(?:[a-z-]+\s){0,3}?"
    r"(?:ha?emorrhage|embol(?:ism|us|i)|infection|sepsis|failure|arrest|pneumonia|shock|infarction|stroke|disease)\b",
    re.IGNORECASE,
)


def end_with_cause(harm: Harm) -> int:
    """Where the words of a harm end; those of a death hold what it was of, as far as its clause says it."""
    if harm.code != "death":
        return harm.end
    clause = compiled(r"[;.](?:\s|$)").search(harm.sentence.text, harm.end)
    cause = _FATAL_CAUSE.search(harm.sentence.text, harm.end, clause.start() if clause else len(harm.sentence.text))
    return cause.end() if cause else harm.end


def by_something_else(harm: Harm) -> bool:
    """ "Heparin-induced": the words name a cause that is no part of the operation."""
    return _BY_SOMETHING_ELSE.search(harm.sentence.text, max(0, harm.start - 25), harm.end) is not None


def stated_cause(group: Sequence[Harm]) -> tuple[Coded, ...]:
    """What the first mention that says so blames, in the report's words."""
    for harm in group:
        match = _CAUSE.search(harm.sentence.text, harm.end) if harm.sentence.section is not Section.TITLE else None
        if match and match.start() - harm.end < 60:
            return (Coded(text=match[0], span=(harm.sentence.span(*match.span()),), rule="complications.cause"),)
    return ()
