"""Headings and labels of a report, and the section each opens (`mappings/lexicons/sections.toml`)."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache

from fhir_service.extraction.lexicon import lexicon


class Section(StrEnum):
    """Part of a report a sentence stands in."""

    TITLE = "title"
    ABSTRACT = "abstract"
    BACKGROUND = "background"
    CASE = "case"
    DISCUSSION = "discussion"
    CONCLUSION = "conclusion"
    CAPTION = "caption"
    TABLE = "table"
    REFERENCES = "references"
    COMMENT = "comment"
    OTHER = "other"


LABEL = re.compile(r"(?P<label>[A-Z][A-Za-z \u00a0,&/]{2,45}?)\s?[:.]\s+(?=\S)")
INLINE_LABEL = re.compile(r"(?<=[.!?)]\s)(?P<label>[A-Z][A-Za-z \u00a0,&/]{2,45}?):\s")
CASE_HEADING = re.compile(r"(?:Case|CASE|Patient|PATIENT)\s*(?:No\.?\s*|#)?(?:\d{1,2}|[IVX]{1,4}|[A-H])\s*[:.]?$")
CAPITALS = re.compile(r"(?P<label>[A-Z]{3,}(?: [A-Z]{2,}){0,3})\s+(?=[A-Z][a-z]|[A-Z]\s[a-z]|[a-z])")
"""A heading in capitals with its text on the same line ("ABSTRACT We describe ...")."""
COMMENTER = re.compile(
    r"(?=.{4,80}$)[^\W\d_].*?(?:\d{1,2}:\d\d(?:\s?[ap]m)?|\b(?:19|20)\d\d|\b(?:days?|weeks?|months?|years?|hours?)\sago)\)?\s*:?$",
    re.IGNORECASE,
)
"""Who wrote a comment and when: "Trudy from Zeeland - 2 April, 21:05"."""
LETTER = re.compile(
    r"(?:Dear\s)?(?:Sir|Sirs|Madam|Editor|Editors)(?:\sor\sMadam)?\s?[,:]|To\sthe\sEditor\b|(?:The\s)?[Aa]uthors?'?\sreply\b"
)
"""How a letter about a report begins."""
_HEADERS = 4
COMMENT_HEADING = re.compile(r"\(?\d+\)?\s*\.?\s*.{1,60}\b(?:says|wrote|said|writes)\s*:?$")


def heading_section(words: str) -> Section | None:
    """The section a heading opens, or None where these words are no heading we know."""
    plain = re.sub(r"[^a-z ]", " ", words.lower().replace("&", "and"))
    plain = " ".join(plain.split())
    if not plain or len(plain) > 60 or (words.rstrip().endswith((".", ",")) and " " in plain):
        return None
    return _headings().get(_letters(plain))


def is_column_header(words: str) -> bool:
    """Whether a table of patients may head a column, or a row, with these words ("Outcome", "Procedure")."""
    first = lexicon("table-columns").first(words)
    return first is not None and first.start == 0 and first.end >= len(words.rstrip(":")) - 2


def begins_like_column(words: str) -> bool:
    """Whether words begin with what a table of patients may head a column with ("Age/sex")."""
    first = lexicon("table-columns").first(words)
    return first is not None and first.start == 0


def names_columns(words: str) -> bool:
    """Whether a line is the headers of many columns, one after the other."""
    if words.endswith((".", "?", "!")):
        return False
    codes = {hit.code for hit in lexicon("table-columns").find(words)}
    return len(codes) >= _HEADERS and "age" in codes


def _letters(plain: str) -> str:
    """Words with the letters sorted: a heading set with two letters exchanged is still that heading."""
    return " ".join("".join(sorted(word)) for word in plain.split())


@cache
def _headings() -> dict[str, Section]:
    return {_letters(words): Section(term.code) for term in lexicon("sections").terms for words in term.words}
