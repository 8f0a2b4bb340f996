"""Lexicons: the phrase notation, and that every file under mappings/lexicons keeps to it."""

from __future__ import annotations

import pytest

from fhir_service.definitions.catalogue import catalogue
from fhir_service.extraction.lexicon import BrokenLexicon, lexicon, read_lexicon

FILES = sorted((catalogue().root / "lexicons").glob("*.toml"))


def found(words: str, text: str) -> list[str]:
    terms = read_lexicon("test", f'[class]\nsite = ["spinal canal", "disc"]\n[[term]]\ncode = "x"\nwords = [{words!r}]')
    return [text[hit.start : hit.end] for hit in terms.find(text)]


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("spinal cord", "the Spinal-cord and spinal cord", ["Spinal-cord", "spinal cord"]),
        ("leak*", "leaks, leakage, bleak", ["leaks", "leakage"]),
        ("h[a]ematoma", "haematoma or hematoma", ["haematoma", "hematoma"]),
        ("(left|right) leg", "left leg and right arm", ["left leg"]),
        ("into the <site>", "into the disc", ["into the disc"]),
        ("leak .. <site>", "leak far into the disc. leak; disc", ["leak far into the disc"]),
        ("# days", "after 12 days", ["12 days"]),
        ("=PE", "PE, pe", ["PE"]),
    ],
)
def test_a_phrase_means_what_the_notation_says(phrase: str, text: str, expected: list[str]) -> None:
    assert found(phrase, text) == expected


def test_the_longest_of_two_terms_that_begin_together_wins() -> None:
    terms = read_lexicon("t", '[[term]]\ncode="a"\nwords=["cord"]\n[[term]]\ncode="b"\nwords=["cord injury"]')
    assert [hit.code for hit in terms.find("a cord injury")] == ["b"]


@pytest.mark.parametrize(
    "raw", ["[[term]]\ncode = 'x'", "[[term]]\nwords = ['a']", "[[term]", '[[term]]\ncode="x"\nwords=["<y>"]']
)
def test_a_broken_file_is_named(raw: str) -> None:
    with pytest.raises(BrokenLexicon, match="lexicon test"):
        read_lexicon("test", raw)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_lexicon_states_its_grammar_on_top_and_can_be_read(file) -> None:  # type: ignore[no-untyped-def] # a Path
    head = file.read_text("utf-8").splitlines()[:12]
    assert head[0].startswith("#")
    assert any("rammar" in line for line in head if line.startswith("#"))
    assert lexicon(file.stem).name == file.stem


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_lexicon_says_the_same_phrase_twice_under_one_code(file) -> None:  # type: ignore[no-untyped-def] # a Path
    for term in lexicon(file.stem).terms:
        assert len(set(term.words)) == len(term.words), term.code
