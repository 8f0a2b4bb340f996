"""Lines of a stored text to blocks: paragraphs under headings, captions, tables, page furniture, comments.

Text taken from a PDF breaks its paragraphs: a column ends in mid-sentence and goes on below a figure caption or under
the next heading. A paragraph that has not come to its end stays open, and the next piece of running text that begins
in lower case continues it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fhir_service.extraction.headings import (
    CAPITALS,
    CASE_HEADING,
    COMMENT_HEADING,
    COMMENTER,
    LABEL,
    LETTER,
    Section,
    begins_like_column,
    heading_section,
    is_column_header,
    names_columns,
)
from fhir_service.extraction.lines import Line, is_markup, read_lines

__all__ = ["Block", "Section", "read_blocks"]


@dataclass(eq=False)
class Block:
    """Raw intervals (one a line) that belong together, and what they are."""

    section: Section
    heading: str
    in_abstract: bool
    markup: bool
    intervals: list[tuple[int, int]] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    title: str = ""
    caption: tuple[int, int] | None = None


_CAPTION = re.compile(r"(?:Fig(?:ure|\.)?|FIG(?:URE|\.)?)\s*\d{1,2}[A-Za-z]?(?:[.:|]|\s+(?=[A-Z(\[])|\s*$)")
_TABLE_TITLE = re.compile(r"(?:Table|TABLE|Tab\.)\s*(?:\d{1,2}|[IVX]{1,4})\b(?!\)|,|;)[.:]?\s*(?P<title>.*)")
_FURNITURE = re.compile(
    r"Page \d+ of \d+.*|[A-Z][a-z]+\s\d{1,2},\s\d{4}\sat\s\d{1,2}:\d\d\s?[ap]m|\d{1,4}|(?:https?://|www\.)\S+|(?:doi|DOI):?\s?10\.\S+|"
    r".{0,40}\b[Dd]ownloaded\b.{0,60}\d.{0,12}|"
    r"(?:\d{1,4}\s+)?[A-Z][\w.& ]{2,60}?\s*[./·•|,]\s*Vol(?:ume|\.)?\s?\d.{0,40}|"
    r"©.*|Copyright\b.*|\*?Correspondence\b.*"
)
_DATE_LINE = re.compile(r"[A-Z][a-z]+\s\d{1,2},\s\d{4}(?:\sat\s\d{1,2}:\d\d\s?[ap]m)?$")
_ENDED = re.compile(r"[.!?:;][\"')\]]*$|(?<=[a-z)\]])[.!?][\"')\]\d,]*$|\]$")
_HANGING = re.compile(
    r"(?:[-‐‑/,(]|\b(?:the|a|an|of|and|or|by|with|for|under|at|in|on|to|from|as|was|were|is|that|which|between|after))$"
)
_RUNNING = (Section.OTHER, Section.CASE, Section.ABSTRACT, Section.DISCUSSION, Section.CONCLUSION)
_BEFORE_COMMENTS = (Section.DISCUSSION, Section.CONCLUSION, Section.REFERENCES, Section.COMMENT)
"""A letter that stands before them is the report itself."""
_REFERENCE = re.compile(r"\b(?:19|20)\d\d\b[^.;]{0,12};\s?\d+\s?(?:\(\w+\))?\s?:\s?[eE]?\d+|\bdoi:\s?10\.\d{4}")
_FIGURES = re.compile(r"(?<=\s)[<>≤≥]?\d[\d.,-]*\s+[<>≤≥]?\d")
"""Two numbers with nothing between them: a row of a table."""
_LONGEST_LABEL = 45
_PROSE = re.compile(r"(?:\S+\s+){7,}\S+")


def read_blocks(text: str) -> list[Block]:
    """The blocks of a text in reading order; a paragraph that was broken up is one block."""
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.markup = is_markup(text)
        self.blocks: list[Block] = []
        self.open: list[Block] = []
        self.section = Section.OTHER
        self.heading = ""
        self.in_abstract = False
        self.current: Block | None = None

    def read(self) -> list[Block]:
        lines = list(read_lines(self.text, markup=self.markup))
        position = 0
        while position < len(lines):
            position = self._take(lines, position)
        self.blocks = [block for block in self.blocks if block.intervals]
        self._name_opening()
        return self.blocks

    def _take(self, lines: list[Line], position: int) -> int:
        line = lines[position]
        if _FURNITURE.fullmatch(line.words):
            self.current = None
            return position + 1
        if self._starts_table(line):
            return self._table(lines, position)
        if _CAPTION.match(line.words) and (line.after_blank or line.boxed or self._ended()):
            return self._caption(lines, position)
        if self._take_heading(lines, position):
            return position + 1
        self._paragraph(line)
        return position + 1

    # headings -----------------------------------------------------------------------------------------------------

    def _take_heading(self, lines: list[Line], position: int) -> bool:
        line = lines[position]
        words = line.words
        if len(words) > 80:
            return self._take_label(line)
        if COMMENT_HEADING.match(words) and (
            line.after_blank or self.section is Section.COMMENT or self._after_date(lines, position)
        ):
            self._enter(Section.COMMENT, words, abstract=False)
            return True
        if self._begins_comment(line):
            return True
        if CASE_HEADING.fullmatch(words) and self._mixed(lines, position):
            self._enter(Section.CASE, words, abstract=False)
            return True
        section = heading_section(words)
        if section is None or self._is_banner(section, words):
            return self._take_label(line)
        self._enter(section, words, abstract=section is Section.ABSTRACT)
        return True

    def _is_banner(self, section: Section, words: str) -> bool:
        """ "Letter" above or before the title says what kind of report it is, and opens no comments."""
        return section is Section.COMMENT and self.section not in _BEFORE_COMMENTS and "comment" not in words.lower()

    def _begins_comment(self, line: Line) -> bool:
        """Who wrote the next comment; or the first words of a letter, which are its text already."""
        if self.section is Section.COMMENT and line.after_blank and COMMENTER.match(line.words):
            self._enter(Section.COMMENT, line.words, abstract=False)
            return True
        if line.after_blank and self.section in _BEFORE_COMMENTS and LETTER.match(line.words):
            self._enter(Section.COMMENT, line.words, abstract=False)
        return False

    def _after_date(self, lines: list[Line], position: int) -> bool:
        return position > 0 and bool(_DATE_LINE.fullmatch(lines[position - 1].words))

    def _mixed(self, lines: list[Line], position: int) -> bool:
        """A heading stands alone: what follows it begins like a sentence."""
        following = lines[position + 1].words if position + 1 < len(lines) else ""
        return bool(following) and not following[0].islower()

    def _take_label(self, line: Line) -> bool:
        """`Background: ...` and the like at the start of a line set the section of the paragraph they open."""
        match = LABEL.match(line.words) or (CAPITALS.match(line.words) if line.after_blank else None)
        if match is None or not (line.after_blank or line.boxed or self._ended()):
            return False
        section = heading_section(match["label"])
        if section is None or self._is_banner(section, match["label"]):
            return False
        if self.in_abstract and section is Section.CASE:
            section = Section.ABSTRACT
        self._enter(section, match["label"], abstract=self.in_abstract)
        self._paragraph(Line(line.start, line.end, line.words, True, True))
        return True

    def _enter(self, section: Section, heading: str, *, abstract: bool) -> None:
        self.section, self.heading, self.in_abstract = section, heading, abstract
        self.current = None

    # running text -------------------------------------------------------------------------------------------------

    def _paragraph(self, line: Line) -> None:
        broken = line.after_blank or line.boxed
        if self.current is None or broken:
            self.current = self._continued(line) or self._new_block()
        self.current.intervals.append((line.start, line.end))
        self._note_end(self.current, line)

    def _new_block(self) -> Block:
        block = Block(self.section, self.heading, self.in_abstract, self.markup)
        self.blocks.append(block)
        return block

    def _continued(self, line: Line) -> Block | None:
        """The open paragraph this line goes on with."""
        if self.markup or not self.open:
            return None
        candidate = self.open[-1]
        tail = self.text[slice(*candidate.intervals[-1])].rstrip()
        if line.words[0].islower() or (_HANGING.search(tail) and candidate.section is self.section):
            return candidate
        return None

    def _note_end(self, block: Block, line: Line) -> None:
        if block in self.open[-4:]:
            self.open.remove(block)
        if not _ENDED.search(line.words) and block.section is not Section.TITLE:
            self.open.append(block)
            del self.open[:-4]

    def _ended(self) -> bool:
        if self.current is None or not self.current.intervals:
            return True
        return bool(_ENDED.search(self.text[slice(*self.current.intervals[-1])].rstrip()))

    # captions and tables ------------------------------------------------------------------------------------------

    def _caption(self, lines: list[Line], position: int) -> int:
        block = Block(Section.CAPTION, self.heading, False, self.markup)
        self.blocks.append(block)
        first = position
        while position < len(lines):
            line = lines[position]
            if position > first:
                ended = _ENDED.search(lines[position - 1].words)
                if line.after_blank or line.boxed or _CAPTION.match(line.words) or (ended and line.words[0].islower()):
                    break
            block.intervals.append((line.start, line.end))
            position += 1
        self.current = None
        return position

    def _starts_table(self, line: Line) -> bool:
        match = _TABLE_TITLE.match(line.words)
        return match is not None and (line.after_blank or line.boxed or self._ended()) and len(line.words) < 160

    def _table(self, lines: list[Line], position: int) -> int:
        match = _TABLE_TITLE.match(lines[position].words)
        block = Block(Section.TABLE, self.heading, False, self.markup, title=match["title"] if match else "")
        block.caption = (lines[position].start, lines[position].end)
        self.blocks.append(block)
        position += 1
        group = 0
        while position < len(lines) and not self._ends_table(lines, position):
            line = lines[position]
            group += line.after_blank
            block.intervals.append((line.start, line.end))
            block.groups.append(group)
            position += 1
        self.current = None
        return position

    def _ends_table(self, lines: list[Line], position: int) -> bool:
        line = lines[position]
        if _CAPTION.match(line.words) or _TABLE_TITLE.match(line.words):
            return True
        if not (line.after_blank or line.boxed) or self._opens_columns(lines, position):
            return False
        beside = [each.words for each in (*lines[position - 1 : position], *lines[position + 1 : position + 2])]
        if CASE_HEADING.fullmatch(line.words) and any(CASE_HEADING.fullmatch(words) for words in beside):
            return False  # the patients head the columns, a line each
        if is_column_header(line.words):
            return self._prose_follows(lines, position + 1)
        furniture = _FURNITURE.fullmatch(line.words) and len(line.words) > 4
        if furniture or heading_section(line.words) is not None:
            return True
        return self._prose_follows(lines, position)

    def _opens_columns(self, lines: list[Line], position: int) -> bool:
        """The first line below the title of a table: the header of a column, though it may look like a heading."""
        if self.blocks[-1].intervals:
            return False
        following = lines[position + 1] if position + 1 < len(lines) else None
        return (
            following is not None
            and not following.after_blank
            and len(lines[position].words) < _LONGEST_LABEL
            and begins_like_column(following.words)
        )

    def _prose_follows(self, lines: list[Line], position: int) -> bool:
        """Two long lines without a break between them, or one that ends like a sentence, are running text again."""
        if (
            position >= len(lines)
            or "\t" in self.text[lines[position].start : lines[position].end]
            or "|" in lines[position].words
        ):
            return False
        line = lines[position]
        if len(line.words) < 45 or not _PROSE.match(line.words) or "=" in line.words or names_columns(line.words):
            return False
        following = lines[position + 1] if position + 1 < len(lines) else None
        long_next = following is not None and not following.after_blank and len(following.words) > 35
        if following is not None and _FIGURES.search(following.words) is not None:
            return False
        return long_next or bool(_ENDED.search(line.words)) or len(line.words) > 160

    # what stands before the first heading --------------------------------------------------------------------------

    def _name_opening(self) -> None:
        """The first lines are the title where they look like one; further text under no heading is the report's."""
        told = any(block.section in (Section.CASE, Section.ABSTRACT) for block in self.blocks if block.heading)
        for number, block in enumerate(self.blocks):
            if block.section in _RUNNING and _REFERENCE.search(self._words(block)):
                block.section = Section.REFERENCES
            elif number == 0 and self._is_title(block):
                block.section = Section.TITLE
            elif block.section is Section.OTHER and not block.heading:
                block.section = Section.ABSTRACT if told else Section.CASE

    def _is_title(self, block: Block) -> bool:
        words = self._words(block)
        if len(self.blocks) == 1 or len(words) > 400 or block.section not in (Section.OTHER, Section.CASE):
            return False
        following = next((later for later in self.blocks[1:] if later.heading != block.heading), None)
        if block.section is Section.CASE:  # the banner "CASE REPORT" above the title
            abstract = following is not None and (following.in_abstract or following.section is Section.ABSTRACT)
            return abstract and len(block.intervals) < 8
        return not words.rstrip().endswith(".")

    def _words(self, block: Block) -> str:
        return self.text[block.intervals[0][0] : block.intervals[-1][1]] if block.intervals else ""
