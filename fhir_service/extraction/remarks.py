"""What else a report says of a patient: drugs, other treatment, consent, where, how it came about, coming and going."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.document import Section, Sentence
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import general
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.quantities import Quantity, quantities
from fhir_service.extraction.timepoints import Operations, relative_time, timepoints
from fhir_service.reports.case_report import Coded, Polarity, ProcedureFact, Remark

_ADVISED = compiled(r"\b(?:should|recommended|advised|would|could|may|planned|refused|declined)\b", re.IGNORECASE)
_NOT_GIVEN = compiled(r"\s(?:was|were|had)\s(?:not|never)\b")
_DOSE_GAP = compiled(r"\s?(?:\(|of\s|at\s|iv\s|i\.v\.\s)?\s?")
_OF_DOSE = compiled(r"\s?(?:of\s)?")
_CITED = compiled(r"[A-Z][\w'-]+\s(?:et\.?\sal\.?|and\s[A-Z][\w'-]+)?,?\s*\(?(?:19|20)\d\d\)?(?:\s*\[\d{1,3}\])?")


def read(
    sentences: Sequence[Sentence],
    case_number: int,
    procedures: Sequence[ProcedureFact],
) -> tuple[Remark, ...]:
    """The remarks of a patient's sentences, each once, with every place that states it."""
    operations = Operations(procedures, sentences)
    found: list[Remark] = []
    for sentence in filter(context.is_prose, sentences):
        if sentence.section is Section.TABLE:
            found += _citation(sentence)
        if sentence.section in (Section.TITLE, Section.REFERENCES, Section.TABLE, Section.CAPTION):
            continue
        if not general(sentence.text):
            found += _of_sentence(sentence, operations)
    return _numbered(_merged(found), case_number)


def _of_sentence(sentence: Sentence, operations: Operations) -> Iterator[Remark]:
    text = sentence.text
    for hit in lexicon("remarks").find(text):
        points = timepoints(sentence)
        read = context.read(sentence, hit.start, hit.end)
        if _NOT_GIVEN.match(text, hit.end):
            continue
        if hit.code == "none" or read.polarity is not Polarity.AFFIRMED or read.family:
            continue
        if _ADVISED.search(text[max(0, hit.start - 60) : hit.end + 30]):
            continue
        dose = _dose(text, hit) if hit.code == "medication" else None
        start, end = hit.start, hit.end
        if dose is not None:
            start, end = min(start, dose[0]), max(end, dose[1])
        yield Remark(
            id="",
            kind=Coded(code=hit.code, text=text[hit.start : hit.end]),
            value=dose[2].value if dose else None,
            unit=dose[2].unit.code if dose and dose[2].unit else None,
            time=relative_time(sentence, points[0] if len(points) == 1 else None, operations, hit.start),
            span=(sentence.span(start, end),),
            rule=f"remarks.{hit.code}",
        )


def _citation(row: Sentence) -> Iterator[Remark]:
    """The paper that a row of a literature table is taken from."""
    match = _CITED.match(row.text)
    if match:
        kind = Coded(code="citation", text=match[0])
        yield Remark(id="", kind=kind, span=(row.span(*match.span()),), rule="remarks.citation")


def _dose(text: str, hit: Hit) -> tuple[int, int, Quantity] | None:
    """The amount printed right behind the drug (`enoxaparin 40 mg`) or right before it (`10mg of dexamethasone`)."""
    for quantity in quantities(text):
        if quantity.unit is None or quantity.unit.kind != "dose" or quantity.unit.code not in ("mg", "g", "ug", "[IU]"):
            continue
        if quantity.start >= hit.end and _DOSE_GAP.fullmatch(text, hit.end, quantity.start):
            return quantity.start, quantity.end, quantity
        if quantity.end <= hit.start and _OF_DOSE.fullmatch(text, quantity.end, hit.start):
            return quantity.start, quantity.end, quantity
    return None


def _merged(remarks: Iterable[Remark]) -> list[Remark]:
    kept: dict[tuple[object, ...], Remark] = {}
    for remark in remarks:
        key = (remark.kind.code, (remark.kind.text or "").lower())
        known = kept.get(key)
        if known is None:
            kept[key] = remark
        else:
            kept[key] = msgspec.structs.replace(
                known,
                span=(*known.span, *remark.span),
                value=known.value if known.value is not None else remark.value,
                unit=known.unit or remark.unit,
            )
    return list(kept.values())


def _numbered(remarks: Iterable[Remark], case_number: int) -> tuple[Remark, ...]:
    return tuple(
        msgspec.structs.replace(remark, id=f"{case_number}/remark-{number}") for number, remark in enumerate(remarks, 1)
    )
