"""FHIRPath that only the library knows, inside a map."""

from __future__ import annotations

from fhir_service.fhir import fhirpath_fallback

from .conftest import URL, library, map_text


def test_this_and_the_variables_of_the_rule_are_known_there(mapped) -> None:
    rules = """src.person as p then { p.name as n where $this.substring(0, 1) = p.initial -> tgt.name as t,
      t.text = (n.substring(1) & '/' & %p.initial & '/' & $this.indexOf('k').toString()); };"""
    source = {"person": {"initial": "A", "name": ["Aki", "Ren", "Akako"]}}
    assert [name["text"] for name in mapped(rules, source)["name"]] == ["ki/A/1", "kako/A/1"]


def test_constants_and_targets_are_known_there(mapped) -> None:
    text = map_text(
        "src.w as w -> tgt.language = 'de' as l, tgt.name as n, n.text = (unit.substring(0, 2) & w & tgt.language);"
    )
    text = text.replace("group", "let unit = 'mLx';\ngroup", 1)
    assert library(text).transform(URL, {"w": "-"})["name"] == [{"text": "mL-de"}]


def test_one_text_is_compiled_once() -> None:
    fhirpath_fallback._compiled.cache_clear()
    rules = "src.w as w where $this.substring(1) = 'b' -> tgt.gender = w;"
    for _ in range(3):
        assert library(map_text(rules)).transform(URL, {"w": "ab"})["gender"] == "ab"
    assert fhirpath_fallback._compiled.cache_info().misses == 1


def test_an_error_of_the_library_tells_expression_and_place(refused) -> None:
    error = refused("src.w as w where $this.substring('x') = 'b' -> tgt.gender = w;", {"w": "ab"})
    assert (error.line, error.rule) == (4, "w-1")
    assert error.problem.startswith("$this.substring('x') = 'b': ")
