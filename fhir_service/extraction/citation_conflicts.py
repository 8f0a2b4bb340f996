"""Reference numbers that do not fit: one author under two numbers, or fewer patients than reports cited for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fhir_service.extraction.conflict import Conflict
from fhir_service.extraction.document import Document, Section, joined
from fhir_service.extraction.numbers import WORD_NUMBER, number_of
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.quantities import number
from fhir_service.reports.span import SourceSpan

_CITED = compiled(
    r"(?P<author>[A-Z][\w'-]+)\s+et\.?\s+al\.?,?\s*(?:\(?(?P<year>(?:19|20)\d\d)\)?,?\s*)?\[(?P<number>\d{1,3})\]"
)
_INCLUDING_OWN = compiled(
    rf"\b(?P<n>\d{{1,3}}|{WORD_NUMBER})\s(?:\w+\s){{0,3}}?(?:patients|cases)\b[^.\[]{{0,80}}?\bincluding\s(?:the\s|our\s)?(?:present|own|current|this|our)\s(?:case|patient|one)\s*"
    r"\[(?P<refs>\d[\d,\s-]*)\]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Citation:
    author: str
    number: int
    span: SourceSpan


def read(document: Document) -> Iterator[Conflict]:
    """The reference numbers of a report that do not fit."""
    yield from _two_numbers(document)
    yield from _too_few(document)


def _two_numbers(document: Document) -> Iterator[Conflict]:
    """An author who has one number in the tables and one other number throughout the text."""
    in_tables = _by_author(_of_tables(document))
    in_text = _by_author(_of_text(document))
    for author, cited in in_tables.items():
        told = in_text.get(author, [])
        numbers, others = {c.number for c in cited}, {c.number for c in told}
        if len(numbers) != 1 or len(others) != 1 or numbers == others or _works(document, author) > 1:
            continue
        yield Conflict(
            rule="citation-number",
            detail=f"{author} is reference {cited[0].number} in the table and reference {told[0].number} in the text",
            spans=(cited[0].span, *(citation.span for citation in told)),
        )


def _by_author(citations: Iterator[_Citation]) -> dict[str, list[_Citation]]:
    found: dict[str, list[_Citation]] = {}
    for citation in citations:
        found.setdefault(citation.author, []).append(citation)
    return found


def _of_tables(document: Document) -> Iterator[_Citation]:
    for table in document.tables:
        if table.cells:
            whole = joined(document.text, table.cells, Section.TABLE)
            for match in _CITED.finditer(whole.text):
                yield _Citation(match["author"], int(match["number"]), whole.span(*match.span()))


def _of_text(document: Document) -> Iterator[_Citation]:
    for sentence in document.sentences:
        if sentence.section in (Section.REFERENCES, Section.TABLE):
            continue
        for match in _CITED.finditer(sentence.text):
            yield _Citation(match["author"], int(match["number"]), sentence.span(*match.span()))


def _works(document: Document, author: str) -> int:
    """How many entries of the reference list begin with this author."""
    return sum(
        compiled(rf"(?:\[?\d+[\].]?\s*)?{re.escape(author)}\b").match(sentence.text) is not None
        for sentence in document.of(Section.REFERENCES)
    )


def _too_few(document: Document) -> Iterator[Conflict]:
    """`six patients including the present case [1, 6, 12-15]`: every cited report tells of one patient at least."""
    for sentence in document.sentences:
        for match in _INCLUDING_OWN.finditer(sentence.text):
            stated = number(match["n"]) if match["n"][0].isdigit() else number_of(match["n"])
            cited = len(_expanded(match["refs"]))
            if cited + 1 > stated:
                yield Conflict(
                    rule="cited-patients",
                    detail=f"{stated} patients including the present one, but {cited} reports of others are cited",
                    spans=(sentence.span(*match.span()),),
                )


def _expanded(refs: str) -> set[int]:
    """`1, 6, 12-15` as numbers."""
    found: set[int] = set()
    for part in refs.split(","):
        first, _, last = part.strip().partition("-")
        if first.strip().isdigit():
            low = int(first)
            high = int(last) if last.strip().isdigit() else low
            found.update(range(low, min(high, low + 50) + 1))
    return found
