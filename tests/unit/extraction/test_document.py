"""The document model: what a text is made of, and that every word is found again in the stored text."""

from __future__ import annotations

import random

import pytest

from fhir_service.extraction.document import Document, Section


def texts(document: Document, *sections: Section) -> list[str]:
    return [sentence.text for sentence in document.of(*sections)]


def test_a_word_broken_at_a_line_end_closes_up() -> None:
    (sentence,) = Document.read("She had intracta-\nble pain.").sentences
    assert sentence.text == "She had intractable pain."
    start = sentence.text.index("intractable")
    assert sentence.span(start, start + 11).words("She had intracta-\nble pain.") == "intracta-\nble"


@pytest.mark.parametrize("hyphen", ["-", "\u2010", "\u2011", "\u00ad"])
def test_every_kind_of_hyphen_breaks_a_line(hyphen: str) -> None:
    (sentence,) = Document.read(f"A radicu{hyphen} \nlopathy followed.").sentences
    assert sentence.text == "A radiculopathy followed."


def test_a_compound_keeps_its_hyphen_at_a_line_end() -> None:
    (sentence,) = Document.read("An 84-year-\nold woman.").sentences
    assert sentence.text == "An 84-year-old woman."


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("T-score of − 3.1", "T-score of -3.1"),
        ("from T12–L2", "from T12-L2"),
        ("3.5 – 23 %", "3.5-23 %"),
        ("N 4000–\n10000", "N 4000-10000"),
        ("ﬁxation of the ﬂap", "fixation of the flap"),
        ("16\u2009\u00a0weeks", "16 weeks"),
        ("11.0 g/dℓ", "11.0 g/dl"),
        ("225 IU/\nL", "225 IU/L"),
        ("zero\u200bwidth\u200e", "zerowidth"),
    ],
)
def test_signs_of_print_become_plain_text(raw: str, normal: str) -> None:
    (sentence,) = Document.read(f"Value {raw} end.").sentences
    assert sentence.text == f"Value {normal} end."


def test_a_caption_in_mid_sentence_is_lifted_out() -> None:
    raw = "CASE REPORT\nWe used a\n\nFig. 1 Radiograph of the spine after\nthe operation\n\nhigh-speed burr.\n"
    document = Document.read(raw)
    assert texts(document, Section.CASE) == ["We used a high-speed burr."]
    assert texts(document, Section.CAPTION) == ["Fig. 1 Radiograph of the spine after the operation"]


def test_a_column_that_goes_on_under_another_heading_stays_in_its_section() -> None:
    raw = (
        "CASE REPORT\n\nKyphoplasty was done under diagnosis of \n\nINTRODUCTION\n\nCement leaks.\n "
        "fracture with cleft.\n"
    )
    document = Document.read(raw)
    assert texts(document, Section.CASE) == ["Kyphoplasty was done under diagnosis of fracture with cleft."]
    assert texts(document, Section.BACKGROUND) == ["Cement leaks."]


def test_page_numbers_and_running_heads_are_not_read() -> None:
    raw = "Case 1\nShe had pain\n\nPage 3 of 7Smith et al. (2020) 1:2\n\nand fever.\n"
    assert texts(Document.read(raw), Section.CASE) == ["She had pain and fever."]


def test_labels_set_the_section_even_inside_one_paragraph() -> None:
    document = Document.read("BACKGROUND: Leaks are rare. CASE PRESENTATION: A man fell. CONCLUSIONS: Take care.")
    assert [sentence.section for sentence in document.sentences] == [
        Section.BACKGROUND,
        Section.CASE,
        Section.CONCLUSION,
    ]


def test_a_heading_with_two_letters_exchanged_is_still_that_heading() -> None:
    document = Document.read("Abstract\n\nCase presentation: A man fell.\n\nConlcusions: Take care.\n")
    assert texts(document, Section.CONCLUSION) == ["Conlcusions: Take care."]


def test_each_reader_comment_stands_under_its_heading() -> None:
    raw = (
        "Kyphoplasty.\n\nMay 1, 2014 at 1:00 pm\n(1) Ann says:\n\nIt hurts.\n\nMay 2, 2014 at 2:00 "
        "pm\n(2) Bob says:\n\nMine too.\n"
    )
    document = Document.read(raw)
    assert [(s.heading, s.text) for s in document.of(Section.COMMENT)] == [
        ("(1) Ann says:", "It hurts."),
        ("(2) Bob says:", "Mine too."),
    ]


def test_a_table_keeps_its_printed_lines_as_cells() -> None:
    raw = (
        "Case report\n\nText before.\n\nTable 1 Patients\n\nAge Sex\n\n64 F\n70 M\n\nAfter the table "
        "the running text goes on in long lines as before,\nline after line, so that it can be told "
        "from cells.\n"
    )
    document = Document.read(raw)
    (table,) = document.tables
    assert table.title == "Patients"
    assert [cell.text for cell in table.cells] == ["Age Sex", "64 F", "70 M"]
    assert texts(document, Section.CASE)[-1].startswith("After the table")


def test_scripts_and_tags_of_a_page_are_not_words() -> None:
    raw = (
        "<html><head><script>var a='A man had cement'</script></head><body><p>A <b>64-year-old</b> "
        "woman&nbsp;fell.</p><p>End</p></body></html>"
    )
    assert [sentence.text for sentence in Document.read(raw).sentences] == ["A 64-year-old woman fell.", "End"]


def test_abbreviations_end_no_sentence() -> None:
    document = Document.read("It was seen (Fig. 1) by Lee et al. Then 4.0 c.c. of cement were used. Done.")
    assert len(document.sentences) == 2


def test_every_position_of_any_text_can_be_found_again() -> None:
    pieces = [
        "word",
        "-\n",
        "−",
        " ",
        "\n\n",
        "T12–L2",
        "ﬁ",
        ". ",
        "\u00ad",
        "Fig. 1 x",
        "Table 1 y",
        "CASE REPORT\n",
        "(",
        "\t",
        "\r\n",
        "é",
    ]
    chooser = random.Random(7)
    for _ in range(300):
        text = "".join(chooser.choice(pieces) for _ in range(40))
        for sentence in Document.read(text).sentences:
            for position in range(len(sentence.text)):
                span = sentence.span(position, position + 1)
                assert 0 <= span.offset < span.end <= len(text)


def test_an_empty_span_is_refused() -> None:
    (sentence,) = Document.read("Words.").sentences
    with pytest.raises(ValueError, match="no words"):
        sentence.span(3, 3)
