"""Harms that a table of patients gives by its title, or by the place of the cement."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fhir_service.extraction import context
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.harms import Harm, find_harms
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patient_grid import GridPatient
from fhir_service.extraction.patterns import compiled
from fhir_service.reports.case_report import Polarity

_NO_HARM = ("fracture", "finding", "other", "death")
_PLACES = ("complication", "site", "symptom")


def titled_harms(patient: GridPatient) -> Iterator[Harm]:
    """What the table is about, where no column names the harm of each; and where each had an embolus."""
    about = [] if patient.title is None else [h for h in find_harms(patient.title) if h.code not in _NO_HARM]
    about = [harm for harm in about if harm.polarity is Polarity.AFFIRMED]
    placed = list(_placed(patient)) if any(_is_of_cement(harm) for harm in about) else []
    if not patient.of("complication") and not (placed and all(_is_of_cement(harm) for harm in about)):
        yield from about
    elif not patient.of("complication"):
        kinds = {harm.code for harm in placed}
        yield from (harm for harm in about if harm.code in kinds or not _is_open(harm))
    yield from placed


def _is_of_cement(harm: Harm) -> bool:
    return "cement" in harm.code or harm.code == "embolus"


def _is_open(harm: Harm) -> bool:
    """Whether a place tells more than the harm's own words."""
    return harm.code in ("embolus", "cement-leakage-unspecified")


def _placed(patient: GridPatient) -> Iterator[Harm]:
    embolic = patient.title is not None and compiled(r"embol|intra-?cardiac|pulmonary", re.IGNORECASE).search(
        patient.title.text
    )
    for code in _PLACES:
        for _, cell in patient.of(code):
            for hit in lexicon("leak-sites").find(cell.text):
                place = str(hit.term["embolus"] or hit.code) if embolic else hit.code
                if context.polarity(cell, hit.start, hit.end) is Polarity.AFFIRMED:
                    yield Harm(cell, place, hit.start, hit.end, (), Polarity.AFFIRMED, embolic=bool(embolic))
            if embolic:
                yield from _short(cell, patient.short_for)


def _short(cell: Sentence, short_for: tuple[tuple[str, str], ...]) -> Iterator[Harm]:
    """ "RV": an abbreviation that the table explains."""
    for short, long in short_for:
        code = next((hit.term["embolus"] for hit in lexicon("leak-sites").find(long) if hit.term["embolus"]), None)
        match = compiled(rf"(?<![\w/]){re.escape(short)}(?![\w/])").search(cell.text) if code else None
        if match is not None:
            yield Harm(cell, str(code), match.start(), match.end(), (), Polarity.AFFIRMED, embolic=True)
