"""Age and sex in all their forms."""

from __future__ import annotations

import pytest

from fhir_service.extraction.people import find_people


@pytest.mark.parametrize(
    ("text", "age", "sex"),
    [
        ("A man of 29 years had pain", "29", "male"),
        ("a 48-year-old woman", "48", "female"),
        ("a 77 year old lady", "77", "female"),
        ("A female patient aged 39 was admitted", "39", "female"),
        ("a seventy-three-year-old man", "73", "male"),
        ("This 63-year-old retired male teacher", "63", "male"),
        ("the patient, a woman aged 64 years,", "64", "female"),
        ("a man, 71, came", "71", "male"),
        ("a woman of 83 who fell", "83", "female"),
        ("a 68 y/o man", "68", "male"),
        ("(F/64)", "64", "female"),
        ("I am a 60 year old male", "60", "male"),
        ("Mr X, 68 years old,", "68", "male"),
        ("Mrs. K., 79 years of age", "79", "female"),
    ],
)
def test_a_person_is_introduced_by_age_and_sex(text: str, age: str, sex: str) -> None:
    person = find_people(text)[0]
    assert (str(person.age), person.sex) == (age, sex)
    assert person.age_at is not None


@pytest.mark.parametrize(
    ("text", "low"), [("an octogenarian woman", "80"), ("a woman in her 70s", "70"), ("a man in his sixties", "60")]
)
def test_a_decade_is_a_range(text: str, low: str) -> None:
    (person,) = find_people(text)
    assert (person.age, str(person.low)) == (None, low)


def test_an_age_in_months_keeps_its_unit() -> None:
    (person,) = find_people("a 30-month-old boy")
    assert (str(person.age), person.unit) == ("30", "mo")


@pytest.mark.parametrize(
    "text", ["45 years ago", "with a 4-year follow-up", "patients aged 60 to 80", "a 29-week pregnancy"]
)
def test_other_numbers_of_years_and_weeks_are_no_age(text: str) -> None:
    assert all(person.age is None for person in find_people(text))


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("A 64-year-old woman was seen.", "year"),
        ("A woman aged 64 was seen.", None),
        ("A man of 29 years was seen.", "years"),
    ],
)
def test_the_unit_of_an_age_is_kept_as_printed(text: str, printed: str | None) -> None:
    (person,) = find_people(text)
    assert person.unit_text == printed
