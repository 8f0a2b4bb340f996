"""Patterns: they find what `re` finds, though they do not look everywhere."""

from __future__ import annotations

import gc
import re
from pathlib import Path

import pytest
from reading import read

from fhir_service.extraction.document import Document
from fhir_service.extraction.first_words import first
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.required_words import parsed, required
from fhir_service.extraction.words import Words, once

SEEDS = sorted((Path(__file__).parents[3] / "seeds").glob("*/report.txt"))


def letters(source: str) -> list[set[str]]:
    return [{anchor.letters for anchor in group} for group in required(parsed(source))]


def begins(source: str) -> set[str] | None:
    anchors = first(parsed(source))
    return None if anchors is None else {anchor.letters for anchor in anchors}


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        (r"\b(?:fear\w*|afraid)\b", [{"fear", "afraid"}]),
        (r"spinal[ -]cord", [{"spinal"}, {"cord"}]),
        (r"(?:very\s)?weak", [{"weak"}]),
        (r"\d+\s?mg", [{"0"}, {"mg"}]),
        (r"h(?:a|)ematoma", [{"ematoma"}, {"ha", "h"}]),
        (r"[^.;]{0,40}$", []),
        (r"leak|\w+", []),
        (r"(?=pain)p", [{"pain"}, {"p"}]),
        (r"(?!pain)\w+", []),
    ],
)
def test_what_an_expression_needs_is_read_from_it(source: str, needed: list[set[str]]) -> None:
    assert letters(source) == needed


@pytest.mark.parametrize(
    ("source", "beginnings"),
    [
        (r"\b(?:fear\w*|afraid)\b", {"fear", "afraid"}),
        (r"\b(?:the\s)?left", {"the", "left"}),
        (r"(?<![\w.])\d", {"0"}),
        (r"(?<=,\s)old", {"old"}),
        (r"\(see", {"("}),
        (r"plasty\b", None),
        (r"\s?left", None),
        (r"\b\w+", None),
        (r"\b(?:left)?", None),
    ],
)
def test_what_a_match_begins_with_is_read_from_the_expression(source: str, beginnings: set[str] | None) -> None:
    assert begins(source) == beginnings


def test_every_pattern_finds_in_a_sentence_what_re_finds_in_its_text() -> None:
    texts = [file.read_text("utf-8") for file in SEEDS]
    for text in texts:
        read(text)  # makes the patterns that are made when first asked for
    gc.unfreeze()  # what another test has frozen is in no list
    patterns = [each for each in gc.get_objects() if isinstance(each, Pattern)]
    assert len(patterns) > 200
    sentences = ["".join(sentence.text) for text in texts for sentence in Document.read(text).sentences]
    for number, plain in enumerate(sentences[::9]):
        words = Words(plain)
        half = plain.rfind(" ", 0, len(plain) // 2) + 1
        window = ((0, len(plain)), (0, half), (0, half + 2), (half, len(plain)))[number % 4]
        for pattern in patterns:
            spans = [match.span() for match in pattern.finditer(plain, *window)]
            assert [match.span() for match in pattern.finditer(words, *window)] == spans, pattern.pattern
            found = pattern.search(words, *window)
            assert [found.span()] == spans[:1] if found else not spans, pattern.pattern


def test_a_lexicon_finds_in_a_sentence_what_it_finds_in_its_text() -> None:
    for file in SEEDS:
        for sentence in Document.read(file.read_text("utf-8")).sentences:
            for name in ("complications", "context", "procedures", "conditions", "findings"):
                assert lexicon(name).find_all(sentence.text) == lexicon(name).find_all("".join(sentence.text))


@pytest.mark.parametrize("text", ["KİDNEY pain", "a ſtiff back", "Kummell's disease", "naïve ĸ 10\u2009²"])
def test_letters_of_other_alphabets_hide_no_word(text: str) -> None:
    for source in ("kidney", "stiff", "kummell", r"\bback\b", r"pain\b", r"\d"):
        pattern = compiled(source, re.IGNORECASE)
        assert bool(pattern.search(Words(text))) == bool(re.search(source, text, re.IGNORECASE)), source


def test_a_pattern_made_after_a_sentence_was_read_still_finds_in_it() -> None:
    sentence = Words("a word never asked for: quincunx 5")
    assert compiled(r"\bquincunx\s\d").search(sentence)


def test_a_sentence_is_read_once_and_another_text_each_time() -> None:
    calls: list[str] = []

    @once
    def read_it(text: str) -> int:
        calls.append(text)
        return len(calls)

    sentence = Words("pain")
    assert read_it(sentence) == read_it(sentence) == 1
    assert (read_it("pain"), read_it("pain")) == (2, 3)
