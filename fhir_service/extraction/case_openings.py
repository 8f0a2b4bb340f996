"""How a text passes to the next patient: by a heading, a number or letter, or an order ("the second was ...")."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhir_service.extraction.document import Sentence
from fhir_service.extraction.initials import meant_by_initials
from fhir_service.extraction.narrative import of_others
from fhir_service.extraction.numbers import CARDINALS, ORDINAL, ordinal_of
from fhir_service.extraction.patient_text import PatientText
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.people import find_people
from fhir_service.extraction.people_together import meant_by_age

_COUNTING = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_CALLED = (
    r"(?:In\s|For\s|The\s)?(?:(?:[Cc]linical\s|[Ii]llustrative\s|[Ee]xample\s)?[Cc]ase|[Pp]atient|CASE|PATIENT|Observation|OBSERVATION|Notification|"
    r"Subject|Vignette|Example|Record|Pt\.?|Report(?=\s\d))\s*(?:[Nn]o\.?\s*|[Nn]umber\s|[Nn]r\.?\s*|#)?"
)
_NUMBERED = compiled(
    rf"{_CALLED}(?:(?P<n>\d{{1,2}}|[IVX]{{1,4}}|[A-H])\b(?!\s?(?:patients|cases|\d))|(?P<word>{'|'.join(_COUNTING)})\b(?=[,.:])|(?P<word2>{'|'.join(_COUNTING)})\b(?=\s(?:is|was|had|has|a|an|concerns|underwent|presented|received)\b))"
)
_TAGGED = compiled(r"(?:P|Pt|C|No\.?\s?|Nr\.?\s?|#)(?P<n>\d{1,2})\s*[.:)–-](?=\s|$)")
"""`P1.`, `#2:`, `No. 3)`: only where a sentence begins."""
_LABEL = compiled(r"^[A-Z][\w ]{3,25}:\s")
_WHO = r"(?:patient|case|woman|man|lady|gentleman|person|observation|history|instance)"
_ORDINAL_CASE = compiled(
    rf"^(?:The|Our|In\sthe|In\sour|A|This|That\sof\sthe|As\sto\sthe|As\sfor\sthe)\s(?P<n>{ORDINAL})\s(?:(?:and|,)\s(?:last|final)\s)?{_WHO}\b|"
    rf"^(?:Finally,?\s|Lastly,?\s|Then\s|Next,?\s)?(?:[Tt]he|[Oo]ur)\s(?P<n2>{ORDINAL})\s(?:(?:and|,)\s(?:last|final)\s)?{_WHO}\b|"
    rf"^(?P<other>The\sother|Another|A\sfurther|One\sother|The\snext|Next\scame\sa)\s{_WHO}\b",
    re.IGNORECASE,
)
_ORDINAL_ALONE = compiled(
    rf"^(?:Finally,?\s|Lastly,?\s|Next,?\s)?(?:The|Our|In\sthe)\s(?:(?P<n>{ORDINAL})|(?P<last>last|final))"
    r"(?:\sof\s(?:them|these|the|our|those)(?:\s\w+)?|\sone)?(?=,?\s(?:is|was|had|has|a|an|aged|who|came|presented|underwent|concerns|involved)\b|,)",
    re.IGNORECASE,
)
_PASSING_ON = compiled(
    rf"^(?:We|I|Let\sus|This\sbrings\sus)\s(?:\w+\s){{0,3}}?(?:come|turn|go|proceed|pass|move|arrive)?(?:\s?\w+)?\s?(?:to|at|with)\s(?:the|our)\s(?P<n>{ORDINAL})\b",
    re.IGNORECASE,
)
_LAST_CASE = compiled(rf"^(?:Finally,?\s)?(?:The|Our|In\sthe|In\sour)\s(?:last|final)\s{_WHO}\b", re.IGNORECASE)
_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9, "X": 10}


def heading_number(sentence: Sentence) -> int | None:
    """The number that the heading above a sentence gives the case."""
    match = _NUMBERED.match(sentence.heading)
    return _number(match) if match else None


def sentence_number(sentence: Sentence, patients: Sequence[PatientText]) -> int | None:
    """The number of the patient that a sentence says it turns to, of those told of so far; None where it does not."""
    text = sentence.text
    match = _NUMBERED.match(_LABEL.sub("", text)) or _TAGGED.match(text)
    if match:
        return _number(match)
    ages = [next((person.age for _, person in patient.people), None) for patient in patients]
    for named in (meant_by_initials(text, patients), meant_by_age(text, ages)):
        if named is not None:
            return patients[named].label or named + 1
    return None if of_others(text) else _in_order(text, patients)


def _in_order(text: str, patients: Sequence[PatientText]) -> int | None:
    """An order without a noun is a patient's where a person stands in the sentence, or the text says it passes on."""
    match = _ORDINAL_CASE.match(text)
    if match is not None:
        return _of_ordinal(match, len(patients))
    match = _PASSING_ON.match(text)
    if match is not None:
        return ordinal_of(match["n"]) if ordinal_of(match["n"]) <= len(patients) + 1 else None
    match = _ORDINAL_ALONE.match(text)
    if match is not None and find_people(text):
        return len(patients) + 1 if match["last"] else ordinal_of(match["n"])
    if _LAST_CASE.match(text) is not None and patients:
        return len(patients) + 1 if find_people(text) else len(patients)
    return None


def _of_ordinal(match: re.Match[str], told: int) -> int | None:
    """ "The second patient"; "the other", where one is told of already: which of two it is depends on who was last."""
    if not match["other"]:
        return ordinal_of(match["n"] or match["n2"])
    return None if told > 1 and match["other"].lower() == "the other" else told + 1


def _number(match: re.Match[str]) -> int:
    named = match.groupdict()
    word = named.get("word") or named.get("word2")
    if word:
        return CARDINALS[word]
    words = match["n"]
    if words.isdigit():
        return int(words)
    return _ROMAN[words] if words in _ROMAN else ord(words[0]) - ord("A") + 1
