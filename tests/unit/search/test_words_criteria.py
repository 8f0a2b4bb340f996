"""What `_text` and `_content` ask for: words, `and`, `or`, parentheses."""

from __future__ import annotations

import pytest

from fhir_service.fhir.errors import InvalidParameter, TooCostly
from fhir_service.search.words_criteria import words_criterion


@pytest.mark.rule("BASE-1")
@pytest.mark.parametrize(
    ("values", "alternatives"),
    [
        (["(bone OR liver) and metastases"], "bone metastases | liver metastases"),
        (["bone or liver and metastases"], "bone | liver metastases"),
        (["bone AND liver"], "bone liver"),
        (["bone  liver"], "bone liver"),
        (['"bone liver"'], "bone liver"),
        (["bone-liver"], "bone liver"),
        (["bone", "liver or (x)"], "bone | liver | x"),
        (["((bone) (a or b))"], "bone a | bone b"),
        (["or"], "or"),
        (["bone or"], "bone or"),
        (["(bone and)"], "bone and"),
        (["bone or bone"], "bone"),
    ],
)
def test_words_are_joined(values: list[str], alternatives: str) -> None:
    wanted = tuple(tuple(words.split()) for words in alternatives.split("|"))
    assert words_criterion("_text", values).alternatives == wanted


@pytest.mark.rule("ERR-3")
@pytest.mark.parametrize("value", ["", "--", "()", "bone (", "bone)", "(bone or liver", ") bone", "bone or ()"])
def test_what_cannot_be_read_is_refused_by_the_name_of_the_parameter(value: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        words_criterion("_content", [value])
    assert refused.value.issues[0].expression == ("http._content",)


@pytest.mark.parametrize(
    "value",
    [
        "".join(f"(a{n} or b{n}) " for n in range(7)),
        " or ".join(f"w{n}" for n in range(101)),
        "(" * 30 + "a" + ")" * 30,
    ],
)
def test_what_stands_for_too_many_words_is_refused(value: str) -> None:
    with pytest.raises(TooCostly):
        words_criterion("_text", [value])
