"""Answers against a form: what does not fit is told with the linkId and the place of the item."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.fhir.errors import Issue
from fhir_service.validation.answers import answer_issues

SEX = "urn:sex"
FORM: dict[str, Any] = {
    "item": [
        {
            "linkId": "patient",
            "type": "group",
            "repeats": True,
            "item": [
                {"linkId": "sex", "type": "choice", "answerValueSet": "urn:sexes"},
                {"linkId": "age", "type": "decimal", "required": True, "text": "Age"},
                {"linkId": "note", "type": "string", "repeats": True},
                {
                    "linkId": "number",
                    "type": "integer",
                    "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueInteger": 1}],
                },
                {
                    "linkId": "births",
                    "type": "integer",
                    "enableWhen": [
                        {"question": "sex", "operator": "=", "answerCoding": {"system": SEX, "code": "female"}}
                    ],
                },
                {
                    "linkId": "why-no-sex",
                    "type": "string",
                    "enableWhen": [{"question": "sex", "operator": "exists", "answerBoolean": False}],
                },
                {
                    "linkId": "old",
                    "type": "group",
                    "enableWhen": [
                        {"question": "age", "operator": ">=", "answerDecimal": 65},
                        {"question": "sex", "operator": "exists", "answerBoolean": True},
                    ],
                    "enableBehavior": "all",
                    "item": [{"linkId": "falls", "type": "boolean", "required": True}],
                },
                {"linkId": "help", "type": "display", "text": "Only what is known"},
            ],
        },
        {"linkId": "other", "type": "open-choice", "answerOption": [{"valueCoding": {"system": "u", "code": "a"}}]},
        {"linkId": "unlisted", "type": "choice", "answerValueSet": "urn:nobody-knows"},
    ]
}
AGE = {"linkId": "age", "answer": [{"valueDecimal": 40}]}
FEMALE = {"linkId": "sex", "answer": [{"valueCoding": {"system": SEX, "code": "female"}}]}


def codes(value_set: str) -> frozenset[tuple[str, str]] | None:
    return frozenset({(SEX, "female"), (SEX, "male")}) if value_set == "urn:sexes" else None


def issues(*items: dict[str, Any]) -> list[Issue]:
    return answer_issues({"resourceType": "QuestionnaireResponse", "item": list(items)}, FORM, codes)


def of_patient(*items: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    return [(str(issue.rule), issue.expression) for issue in issues({"linkId": "patient", "item": list(items)})]


def test_answers_that_fit_give_no_issue() -> None:
    births = {"linkId": "births", "answer": [{"valueInteger": 0}]}
    notes = {"linkId": "note", "answer": [{"valueString": "a"}, {"valueString": "b"}]}
    assert (
        issues({"linkId": "patient", "item": [FEMALE, AGE, notes, births]}, {"linkId": "patient", "item": [AGE]}) == []
    )


PATIENT = "QuestionnaireResponse.item[0]"


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([AGE, {"linkId": "height"}], [("form.unknown", f"{PATIENT}.item[1].linkId")]),
        ([FEMALE], [("form.required", PATIENT)]),
        ([AGE, AGE], [("form.repeats", f"{PATIENT}.item[1]")]),
        (
            [{"linkId": "age", "answer": [{"valueDecimal": 1}, {"valueDecimal": 2}]}],
            [("form.repeats", f"{PATIENT}.item[0].answer[1]")],
        ),
        ([{"linkId": "age", "answer": [{"valueString": "forty"}]}], [("form.type", f"{PATIENT}.item[0].answer[0]")]),
        ([{"linkId": "age", "answer": [{"id": "x"}]}], [("form.type", f"{PATIENT}.item[0].answer[0]")]),
        (
            [AGE, {"linkId": "sex", "answer": [{"valueCoding": {"system": SEX, "code": "both"}}]}],
            [("form.code", f"{PATIENT}.item[1].answer[0].value")],
        ),
        (
            [AGE, {"linkId": "sex", "answer": [{"valueCoding": {"code": "male"}}]}],
            [("form.code", f"{PATIENT}.item[1].answer[0].value")],
        ),
        ([AGE, {"linkId": "births", "answer": [{"valueInteger": 1}]}], [("form.off", f"{PATIENT}.item[1]")]),
        (
            [AGE, FEMALE, {"linkId": "why-no-sex", "answer": [{"valueString": "?"}]}],
            [("form.off", f"{PATIENT}.item[2]")],
        ),
        (
            [FEMALE, {"linkId": "age", "answer": [{"valueDecimal": 65}]}],
            [],
        ),
        (
            [FEMALE, {"linkId": "age", "answer": [{"valueDecimal": 65}]}, {"linkId": "old", "item": []}],
            [("form.required", f"{PATIENT}.item[2]")],
        ),
        (
            [AGE, {"linkId": "number", "answer": [{"valueInteger": 0}]}],
            [("form.least", f"{PATIENT}.item[1].answer[0].value")],
        ),
        ([{**AGE, "item": [FEMALE]}], [("form.type", f"{PATIENT}.item[0]")]),
        (
            [{"linkId": "age", "answer": [{"valueDecimal": 40, "item": [FEMALE]}]}],
            [("form.unknown", f"{PATIENT}.item[0].answer[0].item[0].linkId")],
        ),
    ],
    ids=[
        "an item the form does not have",
        "no answer to what is required",
        "a question twice",
        "two answers to one question",
        "an answer of another type",
        "an answer without value",
        "a code that is none of the answers",
        "a code without system",
        "an answer to what is asked of others",
        "an answer to what is asked where another has none",
        "a group that is not required may be left out",
        "a group without what it requires",
        "a number below the least",
        "items in a question instead of in its answer",
        "items in an answer that the form does not have",
    ],
)
def test_what_does_not_fit_is_told_with_its_place(items: list[dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    assert of_patient(*items) == [(rule, (path,)) for rule, path in expected]


def test_an_issue_names_the_link_id_and_what_would_be_right() -> None:
    (issue,) = issues(
        {"linkId": "patient", "item": [AGE, {"linkId": "sex", "answer": [{"valueCoding": {"code": "x"}}]}]}
    )
    assert issue.text == f"x of None is no answer to 'sex'; codes of {SEX} are: female, male"


def test_a_group_has_no_answer_itself() -> None:
    (issue,) = issues({"linkId": "patient", "answer": [{"valueString": "x"}], "item": [AGE]})
    assert (issue.rule, issue.expression) == ("form.type", ("QuestionnaireResponse.item[0]",))


def test_an_open_choice_takes_words_and_listed_codes_alone() -> None:
    assert issues({"linkId": "other", "answer": [{"valueString": "words"}]}) == []
    assert issues({"linkId": "other", "answer": [{"valueCoding": {"system": "u", "code": "a"}}]}) == []
    assert [issue.rule for issue in issues({"linkId": "other", "answer": [{"valueCoding": {"code": "b"}}]})] == [
        "form.code"
    ]


def test_codes_that_cannot_be_listed_are_not_passed_over() -> None:
    (issue,) = issues({"linkId": "unlisted", "answer": [{"valueCoding": {"system": "u", "code": "a"}}]})
    assert "cannot be checked" in issue.text
