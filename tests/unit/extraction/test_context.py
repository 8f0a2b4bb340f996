"""How a phrase is meant: denied, possible, feared, of the past, of somebody else."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from fhir_service.extraction import context
from fhir_service.extraction.document import Document, Sentence
from fhir_service.reports.case_report import Polarity

TEXTS = tomllib.loads((Path(__file__).parent / "meant.toml").read_text("utf-8"))["text"]
KINDS = ("negated", "provisional", "mentioned", "unknown", "historical", "resolved", "family", "others")


def _sentence(text: str) -> Sentence:
    (sentence,) = Document.read(f"CASE REPORT\n\n{text}").sentences
    return sentence


def _read(text: str, words: str) -> context.Context:
    sentence = _sentence(text)
    start = sentence.text.index(words)
    return context.read(sentence, start, start + len(words))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("She denied fever, chills or weight loss.", "weight loss"),
        ("Infection was ruled out.", "Infection"),
        ("CT was performed without evidence of leakage.", "leakage"),
        ("She was free of symptoms.", "symptoms"),
        ("There was neither fever nor leucocytosis.", "leucocytosis"),
        ("Deep tendon reflexes were absent.", "reflexes"),
        ("No evidence of cement leakage or embolism was found.", "embolism"),
        ("Leakage of cement through the endplate was not seen.", "Leakage"),
        ("At no time was there any neurologic deterioration.", "neurologic deterioration"),
        ("Pathogens could not be detected.", "Pathogens"),
    ],
)
def test_a_denied_phrase_is_negated(text: str, words: str) -> None:
    assert _read(text, words).polarity is Polarity.NEGATED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("There was no leakage, but an embolus was seen.", "embolus"),
        ("No deficit was noted except for numbness of the thigh.", "numbness"),
        ("The pain was not relieved.", "pain"),
        ("She could not walk because of weakness.", "weakness"),
        ("There was no doubt about the infection.", "infection"),
        ("She had no fever, and CT showed leakage.", "leakage"),
        ("The rash was not pimples, sores covered the back.", "sores"),
        ("Conservative treatment altered neither the pain nor the deformity.", "pain"),
    ],
)
def test_a_denial_ends_where_its_clause_ends(text: str, words: str) -> None:
    assert _read(text, words).polarity is Polarity.AFFIRMED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The possibility of an acute fracture was considered.", "fracture"),
        ("An infection was suspected.", "infection"),
        ("Metastasis could not be ruled out.", "Metastasis"),
        ("She probably had a pneumonia.", "pneumonia"),
    ],
)
def test_a_suspicion_is_provisional(text: str, words: str) -> None:
    read = _read(text, words)
    assert read.provisional
    assert read.polarity is Polarity.HYPOTHETICAL


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("She was scared of getting sepsis.", "sepsis"),
        ("Cement may leak and cause paraplegia.", "paraplegia"),
        ("Blood was taken to rule out an infection.", "infection"),
        ("Sepsis? she asked.", "Sepsis"),
        ("Surgery was advised to prevent paraplegia.", "paraplegia"),
    ],
)
def test_a_fear_a_risk_and_a_question_are_only_mentioned(text: str, words: str) -> None:
    assert _read(text, words).mentioned


def test_history_is_told_from_age() -> None:
    assert _read("She had a history of tuberculosis.", "tuberculosis").historical
    assert not _read("An 84-year-old woman with asthma came.", "asthma").historical


def test_what_is_cured_is_resolved() -> None:
    assert _read("She had been cured of breast cancer.", "breast cancer").resolved
    assert _read("Her tuberculosis had healed completely.", "tuberculosis").resolved


def test_the_family_is_not_the_patient() -> None:
    assert _read("Her mother had suffered from osteoporosis.", "osteoporosis").family


def test_the_trigger_that_denies_is_given() -> None:
    sentence = _sentence("There was no cement leakage.")
    start = sentence.text.index("cement")
    read = context.read(sentence, start, start + 14)
    assert read.trigger is not None
    assert sentence.text[slice(*read.trigger)] == "no"


@pytest.mark.parametrize("text", [pytest.param(text, id=text["told"][:60]) for text in TEXTS])
def test_a_phrase_means_what_the_words_around_it_say(text: dict[str, Any]) -> None:
    read = _read(text["told"], text["phrase"])
    assert [kind for kind in KINDS if getattr(read, kind)] == text["meant"]
