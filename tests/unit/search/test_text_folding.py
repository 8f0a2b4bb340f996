from __future__ import annotations

import pytest

from fhir_service.search.text_folding import folded, folded_forms, sounds


@pytest.mark.rule("STR-1")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller", "muller"),
        ("JOSÉ", "jose"),
        ("Jose\u0301", "josé"),
        ("Straße", "STRASSE"),
        ("O'Brien", "OBrien"),
        ("St. Mary", "st mary"),
        ("a \t  b", "a b"),
        (" a ", "a"),
        ("Søren Łuk", "soren luk"),
        ("ﬁbula", "fibula"),
        ("Ａ１", "a1"),
    ],
)
def test_case_accents_punctuation_and_surplus_white_space_do_not_count(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("ab", "a b"), ("Ann", "Anne"), ("T12", "T1 2"), ("да", "на")])
def test_what_differs_in_letters_or_words_stays_different(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_a_hyphen_is_found_as_nothing_and_as_a_space() -> None:
    assert folded_forms("Smith-Jones") == ("smithjones", "smith jones")
    assert folded_forms("T12 - L1") == ("t12 l1",)
    assert folded_forms("...") == ("",)


@pytest.mark.parametrize(("one", "other"), [("Smith", "Smyth"), ("Philips", "Filips"), ("Jon", "John")])
def test_names_that_sound_alike_share_a_sound(one: str, other: str) -> None:
    assert sounds(one) == sounds(other)


def test_names_that_sound_different_share_none() -> None:
    assert not set(sounds("Katie")) & set(sounds("Cathy"))


def test_each_word_of_a_name_has_a_sound_and_other_scripts_are_themselves() -> None:
    assert sounds("Peter James") == (*sounds("Peter"), *sounds("James"))
    assert sounds("Иванов") == (folded("Иванов"),)
    assert sounds("") == ()
