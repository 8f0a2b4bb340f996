"""Lexicons: the phrase notation, and that every file under mappings/lexicons keeps to it."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fhir_service.definitions.catalogue import catalogue
from fhir_service.extraction.lexicon import BrokenLexicon, lexicon, read_lexicon
from fhir_service.extraction.normalising import normalise

CODE = "\n".join(
    file.read_text("utf-8") for file in (Path(__file__).parents[3] / "fhir_service" / "extraction").glob("*.py")
)
CHOOSING = ("group", "kind", "side", "form", "needs")
"""Keys whose values modules ask for by name."""
_BY_PHRASE = re.compile(r"find|first|matches|pattern")
"""Ways to ask that yield one term for the same words: of two terms with one phrase the second is never met."""
FOR_READERS = {"bare"}
"""Keys that say to whoever edits the file what no other key says of a term."""
FILES = sorted((catalogue().root / "lexicons").glob("*.toml"))


def asked(name: str) -> set[str]:
    """The methods by which modules ask a lexicon; "" where it is passed on."""
    return {match[1] for match in re.finditer(rf'lexicon\("{name}"\)(?:\.(\w+)\()?', CODE)}


BY_PHRASE = [file for file in FILES if all(_BY_PHRASE.fullmatch(method or "") for method in asked(file.stem))]


def found(words: str, text: str) -> list[str]:
    terms = read_lexicon("test", f'[class]\nsite = ["spinal canal", "disc"]\n[[term]]\ncode = "x"\nwords = [{words!r}]')
    return [text[hit.start : hit.end] for hit in terms.find(text)]


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("spinal cord", "the Spinal-cord and spinal cord", ["Spinal-cord", "spinal cord"]),
        ("leak*", "leaks, leakage, bleak", ["leaks", "leakage"]),
        ("pain", "pain Pain painful 5pain _pain pain_ pain5 (pain)", ["pain", "Pain", "pain"]),
        ("no no", "no no no no-no", ["no no", "no no"]),
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
    "raw", ["[lass]", "[[term]]\ncode = 'x'", "[[term]]\nwords = ['a']", "[[term]", '[[term]]\ncode="x"\nwords=["<y>"]']
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


def parts(file: Path) -> tuple[str, dict[str, Any]]:
    """The comment on top, and the file as read."""
    raw = file.read_text("utf-8")
    return "\n".join(line for line in raw.split("\n[", 1)[0].splitlines() if line.startswith("#")), tomllib.loads(raw)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_lexicon_and_each_of_its_classes_is_used(file: Path) -> None:
    _, data = parts(file)
    assert f'"{file.stem}"' in CODE
    words = file.read_text("utf-8")
    for name in data.get("class", {}):
        assert f"<{name}>" in words or f'"{name}"' in CODE or f"'{name}'" in CODE, name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_key_of_a_term_is_stated_on_top_and_read_by_a_module(file: Path) -> None:
    head, data = parts(file)
    for key in {key for term in data.get("term", []) for key in term} - {"code", "words", *FOR_READERS}:
        assert re.search(rf"\b{key}\b", head), key
        assert f'["{key}"]' in CODE or f"['{key}']" in CODE, key


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_term_says_to_be_chosen_by_is_chosen_by(file: Path) -> None:
    _, data = parts(file)
    for value in {term[key] for term in data.get("term", []) for key in CHOOSING if isinstance(term.get(key), str)}:
        head, _ = parts(file)
        assert f'"{value}"' in CODE or f"`{value}`" in head or re.search(rf"\b{value}\b", head), value


@pytest.mark.parametrize("file", BY_PHRASE, ids=lambda file: file.stem)
def test_no_phrase_is_hidden_by_the_same_phrase_of_a_term_before(file: Path) -> None:
    _, data = parts(file)
    phrases = Counter(
        word if word.startswith("=") else word.lower() for term in data.get("term", []) for word in set(term["words"])
    )
    assert [phrase for phrase, count in phrases.items() if count > 1] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_phrase_is_written_as_texts_are_once_they_are_normalised(file: Path) -> None:
    _, data = parts(file)
    words = [word for term in data.get("term", []) for word in term["words"]]
    words += [word for phrases in data.get("class", {}).values() for word in phrases]
    assert [word for word in words if normalise(word, ((0, len(word)),)).text.strip() != word.strip()] == []
