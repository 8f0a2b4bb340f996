from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from fhir_service.definitions.catalogue import mappings_root
from fhir_service.search import units
from fhir_service.search.collector import HIGHEST
from fhir_service.search.units import Conversion, conversion, measured


def known(code: str) -> Conversion:
    found = conversion(code)
    assert found is not None
    return found


@pytest.mark.rule("QTY-2")
@pytest.mark.parametrize(
    ("value", "unit", "same", "other"),
    [
        (100, "mg/dL", 1, "g/L"),
        (37, "Cel", 98.6, "[degF]"),
        (310.15, "K", 37, "Cel"),
        (0, "Cel", 32, "[degF]"),
        (24, "mo", 2, "a"),
        (760, "mm[Hg]", 101.3250144354, "kPa"),
        (5, "10*9/L", 5000, "/uL"),
        (5, "10*9/L", 5000, "{cells}/uL"),
        (1, "[in_i]", 2.54, "cm"),
        (90, "mL/min/{1.73_m2}", 5.4, "L/h"),
        (12, "%", 120, "mg/g"),
    ],
)
def test_equal_quantities_are_equal_numbers_in_base_units(value: float, unit: str, same: float, other: str) -> None:
    assert known(unit).scope == known(other).scope
    assert known(unit).converted(value) == known(other).converted(same)


@pytest.mark.parametrize(
    ("unit", "other"),
    [
        ("mg/dL", "mmol/L"),
        ("[IU]/L", "10*9/L"),
        ("U/L", "[IU]/L"),
        ("[IU]", "[arb'U]"),
        ("mmol/mol", "%"),
        ("Cel", "s"),
    ],
)
def test_what_cannot_be_compared_has_another_scope(unit: str, other: str) -> None:
    assert known(unit).scope != known(other).scope


@pytest.mark.parametrize("code", ["{score}", "[pH]", "dB", "bogus", "", "mg dL", "Ω", "m" * 61, "/{HPF}", "(" * 20])
def test_what_has_no_base_units_is_not_converted(code: str) -> None:
    assert conversion(code) is None


def test_the_compiled_units_are_what_the_library_gives() -> None:
    listed = json.loads(Path("fhir_service/definitions/data/ucum-units.json").read_text("utf-8"))["units"]
    for code in ("mg/dL", "mm[Hg]", "Cel", "kg/m2", "U/L", "%"):
        assert Conversion(*listed[code]) == measured(code)


def test_the_units_of_our_reports_need_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    lexicon = tomllib.loads((mappings_root() / "lexicons" / "units.toml").read_text("utf-8"))
    monkeypatch.setattr(units, "_registry", lambda: pytest.fail("the library was loaded"))
    conversion.cache_clear()
    codes = {entry["code"] for entry in lexicon["term"]} - {"ordinal"}
    assert {code for code in codes if conversion(code) is None} == {"{Tscore}", "{score}"}


def test_an_open_end_stays_open() -> None:
    assert known("mg/dL").converted(HIGHEST) == HIGHEST
    assert known("[degF]").converted(-HIGHEST) == -HIGHEST
    assert known("10*9/L").converted(1e307) == HIGHEST
