"""Words that somebody says stand in a report, to where they stand."""

from __future__ import annotations

import re

from fhir_service.extraction.document import Document, Section
from fhir_service.extraction.left_out import shortened, without_what_is_no_report
from fhir_service.extraction.patterns import compiled
from fhir_service.reports.span import SourceSpan

_LEAST, _MOST = 8, 400
"""Characters of a quote."""


class Quotes:
    """The sentences of a report that tell of its patients."""

    def __init__(self, text: str) -> None:
        document, _ = without_what_is_no_report(shortened(Document.read(text))[0])
        self._sentences = [sentence for sentence in document.sentences if sentence.section is not Section.REFERENCES]

    def find(self, quote: str) -> SourceSpan | None:
        """Where these very words stand, white space aside; None where they stand nowhere, or in two places."""
        words = quote.split()
        if not _LEAST <= len(quote) <= _MOST or len(words) < 2:
            return None
        pattern = compiled(rf"(?<!\w){' '.join(map(re.escape, words))}(?!\w)")
        found = [(sentence, match) for sentence in self._sentences for match in pattern.finditer(sentence.text)]
        if len(found) != 1:
            return None
        sentence, match = found[0]
        return sentence.span(*match.span())
