"""The answers of a QuestionnaireResponse against its Questionnaire (R4 questionnaireresponse.html).

Every item has to be one that the form has there, as often as it may stand there, answered with the type and the codes
that it asks for; what the form requires has to be answered, what it does not ask for must not be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.validation.walk import MOST_FINDINGS

Item = Mapping[str, Any]
Codes = Callable[[str], frozenset[tuple[str, str]] | None]
"""System and code of all members of a value set; None where that is not known."""

VALUES: Mapping[str, frozenset[str]] = {
    "attachment": frozenset({"valueAttachment"}),
    "boolean": frozenset({"valueBoolean"}),
    "choice": frozenset({"valueCoding"}),
    "date": frozenset({"valueDate"}),
    "dateTime": frozenset({"valueDateTime"}),
    "decimal": frozenset({"valueDecimal"}),
    "integer": frozenset({"valueInteger"}),
    "open-choice": frozenset({"valueCoding", "valueString"}),
    "quantity": frozenset({"valueQuantity"}),
    "reference": frozenset({"valueReference"}),
    "string": frozenset({"valueString"}),
    "text": frozenset({"valueString"}),
    "time": frozenset({"valueTime"}),
    "url": frozenset({"valueUri"}),
}
"""How the answer to an item of each type is spelled."""
_MOST_CODES = 30
_MIN_VALUE = "http://hl7.org/fhir/StructureDefinition/minValue"


@dataclass(frozen=True)
class _Place:
    """Where items stand: the path of what holds them, the items there, and the place around it."""

    path: str
    items: Sequence[Item]
    around: _Place | None = None

    @cached_property
    def by_link(self) -> Mapping[str, list[tuple[int, Item]]]:
        """The items of each linkId, each with its index."""
        found: defaultdict[str, list[tuple[int, Item]]] = defaultdict(list)
        for index, item in enumerate(self.items):
            found[item.get("linkId", "")].append((index, item))
        return dict(found)

    def answers(self, link_id: str) -> list[Item]:
        """The answers to the nearest question of that linkId (R4 questionnaire-definitions.html, enableWhen)."""
        found = self.by_link.get(link_id, [])
        if found or self.around is None:
            return [answer for _, item in found for answer in item.get("answer", ())]
        return self.around.answers(link_id)


def answer_issues(response: Item, questionnaire: Item, codes: Codes) -> list[Issue]:
    """What is wrong with the answers, in the order of the form; `response` is right in its structure.

    Each issue is an error that names the linkId, with a FHIRPath expression into the response. At most
    walk.MOST_FINDINGS are listed.
    """
    place = _Place("QuestionnaireResponse", response.get("item", ()))
    return list(islice(_Form(codes).checked(questionnaire.get("item", ()), place), MOST_FINDINGS))


class _Form:
    def __init__(self, codes: Codes) -> None:
        self._codes = codes

    def checked(self, asked: Sequence[Item], place: _Place) -> Iterator[Issue]:
        known = {item["linkId"]: item for item in asked}
        for index, item in enumerate(place.items):
            if item.get("linkId") not in known:
                text = f"the form has no item '{str(item.get('linkId'))[:200]}' here"
                yield _issue("not-found", text, f"{place.path}.item[{index}].linkId", "unknown")
        for link_id, question in known.items():
            if question["type"] != "display":
                yield from self._question(question, place.by_link.get(link_id, []), place)

    def _question(self, question: Item, found: Sequence[tuple[int, Item]], place: _Place) -> Iterator[Issue]:
        name = question["linkId"]
        filled = [(index, item) for index, item in found if item.get("answer") or item.get("item")]
        if not _is_enabled(question, place):
            if filled:
                here = f"{place.path}.item[{filled[0][0]}]"
                yield _issue(
                    "business-rule", f"'{name}' is answered, but not asked here: {_why(question)}", here, "off"
                )
            return
        if question.get("required") and not filled:
            yield _issue("required", f"'{name}' ({question.get('text', '')}) has no answer", place.path, "required")
        may_repeat = question.get("repeats") and question["type"] == "group"
        for index, _ in found[1:] if not may_repeat else ():
            yield _issue("structure", f"'{name}' stands here once only", f"{place.path}.item[{index}]", "repeats")
        for index, item in found:
            yield from self._item(question, item, _Place(f"{place.path}.item[{index}]", item.get("item", ()), place))

    def _item(self, question: Item, item: Item, inside: _Place) -> Iterator[Issue]:
        name, answers = question["linkId"], item.get("answer", ())
        if question["type"] == "group":
            if answers:
                yield _issue("structure", f"'{name}' is a group and has no answer itself", inside.path, "type")
            yield from self.checked(question.get("item", ()), inside)
            return
        if item.get("item"):
            yield _issue(
                "structure", f"'{name}' is a question; what it holds stands in its answer", inside.path, "type"
            )
        if len(answers) > 1 and not question.get("repeats"):
            yield _issue("structure", f"'{name}' has one answer only", f"{inside.path}.answer[1]", "repeats")
        for index, answer in enumerate(answers):
            path = f"{inside.path}.answer[{index}]"
            yield from self._answer(question, answer, path)
            yield from self.checked(question.get("item", ()), _Place(path, answer.get("item", ()), inside.around))

    def _answer(self, question: Item, answer: Item, path: str) -> Iterator[Issue]:
        name, wanted = question["linkId"], VALUES[question["type"]]
        given = next((key for key in answer if key.startswith("value")), None)
        if given not in wanted:
            text = f"'{name}' is answered with {given or 'no value'}; it wants {' or '.join(sorted(wanted))}"
            yield _issue("value", text, path, "type")
        elif given == "valueCoding":
            yield from self._coding(question, answer[given], f"{path}.value")
        elif (least := _least(question)) is not None and answer[given] < least:
            yield _issue("value", f"'{name}' is {answer[given]}; it is {least} or more", f"{path}.value", "least")

    def _coding(self, question: Item, coding: Item, path: str) -> Iterator[Issue]:
        options = self._options(question)
        given = (coding.get("system"), coding.get("code"))
        if options is None:
            text = f"the codes of '{question['linkId']}' cannot be listed here, so its answer cannot be checked"
            yield _issue("not-supported", text, path, "code")
        elif given not in options and not (question["type"] == "open-choice" and coding.get("code") is None):
            listed = ", ".join(sorted(code for _, code in options)) if len(options) <= _MOST_CODES else "many"
            systems = ", ".join(sorted({system for system, _ in options}))
            text = f"{given[1]} of {given[0]} is no answer to '{question['linkId']}'; codes of {systems} are: {listed}"
            yield _issue("code-invalid", text, path, "code")

    def _options(self, question: Item) -> frozenset[tuple[str, str]] | None:
        if "answerValueSet" in question:
            return self._codes(question["answerValueSet"])
        codings = [option["valueCoding"] for option in question.get("answerOption", ()) if "valueCoding" in option]
        return frozenset((coding.get("system", ""), coding.get("code", "")) for coding in codings)


def _least(question: Item) -> Any:
    """The least number that is an answer (extension minValue), None where there is none."""
    said = (extension for extension in question.get("extension", ()) if extension["url"] == _MIN_VALUE)
    return next((_value(extension, "value") for extension in said), None)


def _is_enabled(question: Item, place: _Place) -> bool:
    clauses = question.get("enableWhen", ())
    held = (_holds(clause, place.answers(clause["question"])) for clause in clauses)
    return not clauses or (all(held) if question.get("enableBehavior") == "all" else any(held))


def _holds(clause: Item, answers: Sequence[Item]) -> bool:
    wanted = _value(clause, "answer")
    if clause["operator"] == "exists":
        return bool(answers) is wanted
    return any(_OPERATORS[clause["operator"]](_value(answer, "value"), wanted) for answer in answers)


def _value(holder: Item, stem: str) -> Any:
    value = next((value for key, value in holder.items() if key.startswith(stem)), None)
    return (value.get("system"), value.get("code")) if isinstance(value, Mapping) else value


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda given, wanted: bool(given == wanted),
    "!=": lambda given, wanted: bool(given != wanted),
    ">": lambda given, wanted: type(given) is type(wanted) and bool(given > wanted),
    "<": lambda given, wanted: type(given) is type(wanted) and bool(given < wanted),
    ">=": lambda given, wanted: type(given) is type(wanted) and bool(given >= wanted),
    "<=": lambda given, wanted: type(given) is type(wanted) and bool(given <= wanted),
}


def _why(question: Item) -> str:
    word = " and " if question.get("enableBehavior") == "all" else " or "
    return f"it is asked where {word.join(map(_said, question['enableWhen']))}"


def _said(clause: Item) -> str:
    if clause["operator"] == "exists":
        return f"'{clause['question']}' has {'an' if clause['answerBoolean'] else 'no'} answer"
    wanted = _value(clause, "answer")
    return f"'{clause['question']}' {clause['operator']} {wanted[1] if isinstance(wanted, tuple) else wanted}"


def _issue(code: str, text: str, path: str, rule: str) -> Issue:
    return Issue("error", code, text, (path,), f"form.{rule}")
