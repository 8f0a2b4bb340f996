"""The forms of codes of systems that nobody here holds whole: check digits and patterns, which no list is needed for.

A code of the wrong form is none; one of the right form may still not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

_DIHEDRAL = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_TURNED = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_TURNS = 8
_SNOMED = re.compile(r"[1-9]\d{5,17}", re.ASCII)
_WORDS = re.compile(r"\|[^|]*\|")
_OF_CONCEPTS = frozenset({"00", "10"})
_LOINC = re.compile(r"(\d{1,7})-(\d)", re.ASCII)
_LOINC_PART = re.compile(r"[A-Z]{2,4}\d+(-\d)?", re.ASCII)
_ICD_10_CM = re.compile(r"[A-Z]\d[\dAB](\.[\dA-Z]{1,4})?", re.ASCII)
_ICD_10_CM_UNDOTTED = re.compile(r"([A-Z]\d[\dAB])([\dA-Z]{1,4})", re.ASCII)
_ICD_10_PCS = re.compile(r"[\dA-HJ-NP-Z]{7}", re.ASCII)
_LANGUAGE = re.compile(r"([A-Za-z]{2,8}|[xi](?=-))(-[A-Za-z0-9]{1,8})*", re.ASCII)
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+*-]+(\s*;.*)?|xml|json|ttl", re.ASCII | re.DOTALL)
"""The short names are those that CapabilityStatement.format may have as well."""
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


class FormFault(NamedTuple):
    """The rule that a code breaks by its form alone, and what to say of it after the code."""

    rule: str
    text: str


def form_fault(system: str, code: str) -> FormFault | None:
    """What is wrong with the form of a code; None also where nothing is known of the codes of its system."""
    check = _FORMS.get(system)
    return check(code) if check else None


def has_form(system: str) -> bool:
    """Whether the form of its codes is known here."""
    return system in _FORMS


def verhoeff_holds(digits: str) -> bool:
    """Whether the last of these digits is the check digit of the others (Verhoeff)."""
    checked = 0
    for position, digit in enumerate(reversed(digits)):
        turned = int(digit)
        for _ in range(position % _TURNS):
            turned = _TURNED[turned]
        checked = _DIHEDRAL[checked][turned]
    return checked == 0


def mod_10_digit(digits: str) -> int:
    """The check digit of these digits by modulus 10 with doubling (LOINC Users' Guide, appendix C)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if position % 2 == 0 else 1)
        total += number // 10 + number % 10
    return -total % 10


def _snomed(code: str) -> FormFault | None:
    """A concept, or an expression of several."""
    found = re.findall(r"\d+", _WORDS.sub("", code)) if not code.isdigit() else [code]
    if not found:
        return FormFault("code.form", "is no SNOMED CT code: that is a number of 6 to 18 digits")
    if not code.isdigit() and any(mark in code for mark in '#"'):
        return None  # an expression with values, whose digits are no codes
    return next((fault for one in found if (fault := _snomed_concept(one))), None)


def _snomed_concept(code: str) -> FormFault | None:
    if not _SNOMED.fullmatch(code):
        return FormFault("code.form", "is no SNOMED CT code: that is a number of 6 to 18 digits")
    if not verhoeff_holds(code):
        text = "is no SNOMED CT code: its check digit is wrong; a digit is mistyped or lost, look the code up again"
        return FormFault("code.check-digit", text)
    if code[-3:-1] not in _OF_CONCEPTS:
        return FormFault("code.form", "is the identifier of a description or relationship in SNOMED CT, of no concept")
    return None


def _loinc(code: str) -> FormFault | None:
    found = _LOINC.fullmatch(code)
    if found is None:
        if _LOINC_PART.fullmatch(code):
            return None
        return FormFault("code.form", "is no LOINC code: that is a number with '-' and a check digit behind it")
    if int(found[2]) != (digit := mod_10_digit(found[1])):
        text = f"is no LOINC code: its check digit is wrong, that of {found[1]} is {digit}; look the code up again"
        return FormFault("code.check-digit", text)
    return None


def _icd_10_cm(code: str) -> FormFault | None:
    if _ICD_10_CM.fullmatch(code):
        return None
    undotted = _ICD_10_CM_UNDOTTED.fullmatch(code)
    hint = f"; write it with its dot, {undotted[1]}.{undotted[2]}" if undotted else ""
    form = "a letter, two characters, and after a dot up to four, in capitals"
    return FormFault("code.form", f"does not have the form of an ICD-10-CM code: {form}{hint}")


def _icd_10_pcs(code: str) -> FormFault | None:
    if _ICD_10_PCS.fullmatch(code):
        return None
    return FormFault("code.form", "is no ICD-10-PCS code: that is seven digits or capitals, without I and O")


def _language(code: str) -> FormFault | None:
    if _LANGUAGE.fullmatch(code):
        return None
    hint = f"; write {code.replace('_', '-')}" if _LANGUAGE.fullmatch(code.replace("_", "-")) else ""
    return FormFault("code.form", f"is no language as BCP 47 writes it (de, de-CH){hint}")


def _media_type(code: str) -> FormFault | None:
    if _MEDIA_TYPE.fullmatch(code):
        return None
    return FormFault("code.form", "is no media type: that is type/subtype, for instance application/pdf")


def _currency(code: str) -> FormFault | None:
    if _CURRENCY.fullmatch(code):
        return None
    return FormFault("code.form", "is no currency: that is three capitals (ISO 4217), for instance EUR")


_FORMS: Mapping[str, Callable[[str], FormFault | None]] = MappingProxyType(
    {
        "http://snomed.info/sct": _snomed,
        "http://loinc.org": _loinc,
        "http://hl7.org/fhir/sid/icd-10-cm": _icd_10_cm,
        "http://www.cms.gov/Medicare/Coding/ICD10": _icd_10_pcs,
        "urn:ietf:bcp:13": _media_type,
        "urn:ietf:bcp:47": _language,
        "urn:iso:std:iso:4217": _currency,
    }
)
