"""A code is right or wrong for a reason; what cannot be checked is never right."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.terminology.code_systems import CodeSystems
from fhir_service.terminology.code_validation import (
    Coding,
    Judgement,
    first_right,
    judged_by_system,
    judged_by_value_set,
)
from fhir_service.terminology.value_sets import ValueSets

CONCEPTS: list[dict[str, Any]] = [
    {"code": "leak", "display": "Cement leak", "designation": [{"value": "Zementaustritt"}]},
    {"code": "harm", "display": "Harm", "property": [{"code": "abstract", "valueBoolean": True}]},
    {"code": "old", "property": [{"code": "inactive", "valueBoolean": True}]},
]
SYSTEMS = CodeSystems(
    {"urn:s": {"url": "urn:s", "version": "1", "content": "complete", "concept": CONCEPTS}},
    {"urn:part": [("7", "Seven")]},
)
LISTED = {"compose": {"include": [{"system": "urn:s"}, {"system": "urn:part", "concept": [{"code": "7"}]}]}}
MEMBERS = ValueSets({}, SYSTEMS).members_of(LISTED)

CASES = [
    (Coding("urn:s", "leak"), True, ""),
    (Coding("urn:s", "leak", "cement  LEAK"), True, ""),
    (Coding("urn:s", "leak", "Zementaustritt"), True, ""),
    (Coding("urn:s", "leak", version="1"), True, ""),
    (Coding("urn:s", "leak", "Bleeding"), False, "is not what"),
    (Coding("urn:s", "leak", version="2"), False, "cannot be checked in version 2"),
    (Coding("urn:s", "nothing"), False, "does not exist"),
    (Coding("urn:s", "harm"), False, "abstract"),
    (Coding("urn:s", "old"), True, "no longer in use"),
    (Coding("urn:s", "old", "Old one"), True, "cannot be checked"),
    (Coding("urn:part", "7", "Seven"), True, ""),
]


@pytest.mark.parametrize(("coding", "result", "told"), CASES)
def test_a_code_is_judged_by_its_system_and_by_a_value_set_alike(coding, result, told) -> None:
    for judgement in (
        judged_by_system(SYSTEMS, coding),
        judged_by_value_set(SYSTEMS, MEMBERS, "the value set", coding),
    ):
        assert judgement.result is result
        assert told in judgement.message
        assert bool(told) is bool(judgement.message)


@pytest.mark.parametrize("coding", [Coding("urn:part", "8"), Coding("urn:nobody", "7")])
def test_what_cannot_be_checked_is_said_so_and_never_right(coding) -> None:
    judgement = judged_by_system(SYSTEMS, coding)
    assert judgement.result is False
    assert "cannot be checked" in judgement.message
    assert judged_by_value_set(SYSTEMS, MEMBERS, "the value set", coding).result is False


def test_abstract_codes_are_right_where_they_are_wanted() -> None:
    assert judged_by_system(SYSTEMS, Coding("urn:s", "harm"), abstract=True).result


def test_the_display_that_would_be_right_is_told() -> None:
    assert judged_by_system(SYSTEMS, Coding("urn:s", "leak", "Bleeding")).display == "Cement leak"


def test_one_right_coding_makes_a_concept_right_and_all_wrong_ones_are_told() -> None:
    def judge(coding: Coding) -> Judgement:
        return judged_by_system(SYSTEMS, coding)

    assert first_right([Coding("urn:s", "x"), Coding("urn:s", "leak")], judge) == Judgement(True, "", "Cement leak")
    wrong = first_right([Coding("urn:s", "x"), Coding("urn:s", "y")], judge)
    assert "'x'" in wrong.message
    assert "'y'" in wrong.message
    assert first_right([], judge).result is False
