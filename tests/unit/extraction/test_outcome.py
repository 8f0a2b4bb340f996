"""How the patient fared, and the length of follow-up."""

from __future__ import annotations

import pytest
from reading import only

START = "A 70-year-old woman underwent vertebroplasty of L1. She became paraplegic. Laminectomy was performed. "


def outcome(told: str) -> str | None:
    case = only(START + told)
    codes = {fact.outcome.code for fact in case.complication if fact.outcome}
    return next(iter(codes)) if codes else None


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("At one year she was asymptomatic.", "resolved"),
        ("She recovered completely.", "resolved"),
        ("All of her symptoms were relieved.", "resolved"),
        ("No sequelae were present at discharge.", "resolved"),
        ("She improved.", "recovering"),
        ("The deficit did not completely recover.", "resolvedWithSequelae"),
        ("Leg pain was relieved, but weakness persisted.", "resolvedWithSequelae"),
        ("Two years on, she walked with a cane.", "resolvedWithSequelae"),
        ("She remained paraplegic.", "ongoing"),
        ("There was no neurological recovery.", "ongoing"),
        ("She died of pneumonia.", "fatal"),
        ("Weakness persisted at first. One year later she was symptom-free.", "resolved"),
        ("Her state deteriorated. After a second operation the course was favourable.", "recovering"),
    ],
)
def test_the_last_word_on_the_patients_state_is_the_outcome(told: str, code: str) -> None:
    assert outcome(told) == code


def test_nothing_said_is_no_outcome() -> None:
    assert outcome("She was referred to rehabilitation.") is None


def test_a_death_ends_its_own_event_only() -> None:
    case = only(START + "She died of pneumonia.")
    assert case.deceased is not None
    assert {f.kind.code: f.outcome.code if f.outcome else None for f in case.complication} == {
        "neurological-deficit": None,
        "death": "fatal",
    }


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("At the 12-month follow-up she was free of symptoms.", ("12", "mo")),
        ("She was followed up at 6 and 12 months and had no symptoms.", ("12", "mo")),
        ("Two years postoperatively, the patient was asymptomatic.", ("2", "a")),
        ("At one year she was well.", ("1", "a")),
        ("Three days after the operation she was symptom-free.", None),
        ("Four months after decompression her symptoms recurred.", None),
    ],
)
def test_follow_up_is_the_longest_time_at_which_the_state_is_told(told: str, expected: tuple[str, str] | None) -> None:
    found = [fact for fact in only(START + told).observation if fact.kind.code == "follow-up-duration"]
    assert [(str(fact.value), fact.unit) for fact in found] == ([expected] if expected else [])
