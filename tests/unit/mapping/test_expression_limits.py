"""Expressions that ask for hours, or for all memory there is, are cut with the rule named."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_service.mapping.errors import MappingError, MappingLimit
from fhir_service.mapping.run import Limits

from .conftest import URL, library, map_text

SHORT = Limits(seconds=0.3)


def cut(rules: str, source: dict, limits: Limits = SHORT, more: str = "") -> MappingLimit:
    with pytest.raises(MappingLimit) as caught:
        library(map_text(rules, more=more)).transform(URL, source, limits=limits)
    found = caught.value
    assert (found.map_name, found.group != "", found.rule != "", found.line >= 4) == ("test", True, True, True)
    return found


@pytest.mark.parametrize(
    "clause",
    [
        "where $this.matches('^(a|aa)+$')",
        "where $this.indexOf('z') = 5 or $this.matches('^(a|aa)+$')",
        "where $this.replaceMatches('^(a|aa)+$', 'b') = 'b'",
    ],
)
def test_a_regular_expression_that_backtracks_is_cut(clause) -> None:
    error = cut(f'src.w as w {clause} -> tgt.gender = w "slow";', {"w": "a" * 60 + "b"})
    assert ("took too long" in error.problem, error.rule) == (True, "slow")


def test_functions_inside_functions_are_cut() -> None:
    condition = "%src.w.where(%src.w.where(%src.w.where($this = 'none').exists()).exists()).exists()"
    assert "took too long" in cut(f"src where {condition} -> tgt.gender = 'x';", {"w": ["x"] * 3000}).problem


def test_what_the_library_runs_is_cut_too() -> None:
    condition = "%src.w.where(%src.w.where(%src.w.where(indexOf('b') = 0).exists()).exists()).exists()"
    assert "took too long" in cut(f"src where {condition} -> tgt.gender = 'x';", {"w": ["x"] * 300}).problem


def test_a_text_that_doubles_with_every_rule_is_cut() -> None:
    more = "group double(source s, target t : Patient) { s -> t then double((s & s), t); }"
    assert "characters" in cut("src.w as w then double(w, tgt);", {"w": "x" * 64}, Limits(), more).problem
    rules = "src.w as w -> (w & w) as a, (a & a) as b, (b & b) as c;"
    assert "100 values" in cut(rules, {"w": "x" * 9000}, Limits(values=100)).problem


def test_a_text_that_is_replaced_by_a_longer_one_is_cut() -> None:
    rules = "src.w as w -> tgt.gender = (w.replace('x', w));"
    assert "characters" in cut(rules, {"w": "x" * 10_000}, Limits()).problem


def test_a_collection_that_multiplies_is_cut() -> None:
    rules = "src where %src.w.select(%src.w.select(%src.w)).exists() -> tgt.gender = 'x';"
    assert "1000000 items" in cut(rules, {"w": ["x"] * 400}, Limits()).problem


def test_many_items_are_made_distinct_at_once() -> None:
    rules = "src where (%src.w | %src.w).count() = 30000 -> tgt.gender = 'male';"
    found = library(map_text(rules)).transform(URL, {"w": [{"n": number} for number in range(30_000)]})
    assert found["gender"] == "male"


def test_true_and_one_stay_two_and_numbers_are_told_by_their_value(mapped) -> None:
    rules = "src where (%src.w | %src.v).count() = 3 -> tgt.gender = 'male';"
    assert mapped(rules, {"w": [1, True, {"a": 2}], "v": [1, {"a": 2}]})["gender"] == "male"


def test_a_source_of_ten_thousand_levels_is_answered() -> None:
    deep: dict = {"w": "bottom"}
    for _ in range(10_000):
        deep = {"n": deep}
    more = "group down(source s, target t : Patient) { s.n as n then down(n, t); }"
    maps = library(map_text("src.n as n -> tgt.gender = 'male';", more=more))
    assert maps.transform(URL, deep)["gender"] == "male"
    assert maps.transform_traced(URL, deep).trace[-1].source == "n"
    assert "60 deep" in cut("src.n as n then down(n, tgt);", deep, Limits(), more).problem
    extension: dict = {"url": "u", "valueString": "x"}
    for _ in range(10_000):
        extension = {"url": "u", "extension": [extension]}
    assert "too deeply" in cut("src.e as e -> tgt.extension = e;", {"e": extension}, Limits()).problem
    with pytest.raises(MappingError, match="too deeply"):
        library(map_text("src.e as e where e.repeat(extension).exists() -> tgt.gender = 'x';")).transform(
            URL, {"e": extension}
        )


def test_numbers_with_huge_exponents_stay_small(mapped, refused) -> None:
    huge = Decimal("1e999999999")
    assert mapped("src.n as n -> tgt.gender = append('x', n);", {"n": huge})["gender"] == "x1E+999999999"
    assert "integer is wanted" in refused("src.n as n -> tgt.multipleBirthInteger = n;", {"n": huge}).problem
    assert "no number" in refused("src.n as n -> tgt.gender = (n + n);", {"n": Decimal("9e999999999999999999")}).problem
