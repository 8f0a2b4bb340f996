"""The reports in seeds/ are our own words about other people's cases: nothing is copied, and no figure is lost.

The originals and the facts found in them lie in `../shared`; where they are missing the comparisons are skipped.
"""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhir_service.reports.source import source_from_json
from fhir_service.workflows.read_report_file import read_report_file

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
FOLDERS = sorted((ROOT / "seeds").iterdir())
NUMBERS = [folder.name[:3] for folder in FOLDERS]
WORDS = {"no": 0, "none": 0, "immediately": 0} | {
    word: value
    for value, word in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], start=1
    )
}
NUMERIC = [
    "value",
    "low",
    "high",
    "ref_low",
    "ref_high",
    "percent",
    "percent_low",
    "percent_high",
    "percent_as_written",
]
COUNTED = ["numerator", "denominator", "denominator_as_written", "count", "mean", "before", "after"]

compare_wording = runpy.run_path(str(ROOT / "scripts" / "compare_wording.py"))
needs_originals = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared with the originals is not here")
for_each_seed = pytest.mark.parametrize("number", NUMBERS)


def retelling(number: str) -> str:
    return next((ROOT / "seeds").glob(f"{number}-*/report.txt")).read_text("utf-8")


def original(number: str) -> str:
    return next((SHARED / "seeds").glob(f"{number}_*.txt")).read_text("utf-8")


def gold_facts(number: str) -> list[dict[str, Any]]:
    gold = json.loads((SHARED / "gold" / "seed-facts.json").read_text("utf-8"), parse_float=Decimal)
    of_cases = [fact for case in gold["cases"] if case["source"].startswith(number) for fact in case["facts"]]
    return of_cases + [fact for fact in gold["study_statistics"] if fact["id"].startswith(number)]


def figures_of(fact: dict[str, Any]) -> Iterator[Decimal]:
    """Every number a fact states itself; those recomputed from others are left out."""
    value = fact.get("value")
    stated = [part.get(name) for part in (fact, fact.get("time") or {}) for name in (*NUMERIC, *COUNTED)]
    stated += (fact.get("breakdown") or {}).values()
    stated += value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    yield from (Decimal(number) for number in stated if isinstance(number, int | Decimal))


def numbers_in(text: str) -> set[Decimal]:
    """All numbers in a text: `− 3.1`, `12months`, `2/5`, `four`; a sign counts only where no range can be meant."""
    signed = re.findall(r"(?<![\w.–-])[-−]\s?\d+(?:\.\d+)?", text)
    plain = re.findall(r"\d+(?:\.\d+)?", text)
    spelled = [WORDS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in WORDS]
    return {Decimal(re.sub(r"\s", "", n).replace("−", "-")) for n in [*signed, *plain]} | {Decimal(n) for n in spelled}


def names_in(text: str) -> set[str]:
    """Names of the people who wrote it: bylines with affiliation numbers, the columnist, the commenters."""
    names = re.findall(r"^\(\d+\)\s(.+)\ssays:", text, re.MULTILINE)
    names += re.findall(r"^([A-Z][a-z]+ [A-Z][a-z]+)$", text, re.MULTILINE)
    for line in re.findall(r"^.*[a-z]\d, .*[a-z]\d.*$", text.partition("Abstract")[0], re.MULTILINE):
        names += re.findall(r"[A-Z][a-z]+(?:[-‐‑][A-Z][a-z]+)? [A-Z][a-z]+(?=\d)", line)
    return {part.lower() for name in names for part in name.split()}


def test_there_are_five_seeds_with_a_report_and_a_source() -> None:
    assert NUMBERS == ["000", "001", "002", "003", "004"]
    assert [sorted(file.name for file in folder.iterdir()) for folder in FOLDERS] == [["report.txt", "source.json"]] * 5


@for_each_seed
def test_the_source_of_a_seed_names_it_and_has_no_field_we_do_not_know(number: str) -> None:
    path = next((ROOT / "seeds").glob(f"{number}-*/source.json"))
    raw = path.read_bytes()
    source = source_from_json(raw)
    assert {field for field in json.loads(raw) if getattr(source, field) is None} == set()
    report = read_report_file(path.with_name("report.txt"), max_bytes=100_000)
    assert report.source_key == source.name


def test_every_seed_has_its_own_source_key() -> None:
    keys = [read_report_file(folder / "report.txt", max_bytes=100_000).source_key for folder in FOLDERS]
    assert len(set(keys)) == 5


@needs_originals
@for_each_seed
def test_no_six_words_in_a_row_are_those_of_the_original(number: str) -> None:
    assert compare_wording["shared_runs"](retelling(number), original(number)) == []


@needs_originals
@for_each_seed
def test_every_figure_of_the_original_is_kept(number: str) -> None:
    told = numbers_in(retelling(number))
    lost = {fact["id"]: value for fact in gold_facts(number) for value in figures_of(fact) if value not in told}
    assert lost == {}


@needs_originals
@for_each_seed
def test_a_retelling_has_no_figure_that_the_original_does_not_have(number: str) -> None:
    assert numbers_in(retelling(number)) - numbers_in(original(number)) == set()


@needs_originals
@pytest.mark.parametrize(("number", "how_many"), [("003", 5), ("004", 3)])
def test_those_who_wrote_or_commented_on_the_original_are_not_named(number: str, how_many: int) -> None:
    names = names_in(original(number))
    assert len(names) > how_many
    assert names & set(re.findall(r"[^\W\d_]+(?:[-‐‑][^\W\d_]+)*", retelling(number).lower())) == set()


def test_a_copied_sentence_is_found_in_spite_of_line_breaks_and_case() -> None:
    source = "The patient walked out of the osteo-\nporosis clinic on her own feet."
    runs = compare_wording["shared_runs"]("Later the Patient walked\nout of the osteoporosis clinic.", source)
    assert [run.length for run in runs] == [7]


def test_fixed_terms_and_numbers_with_units_do_not_count_as_copied() -> None:
    text = "magnetic resonance imaging 4.5 mg/dL after 8 weeks (Smith et al. 2003)"
    assert compare_wording["shared_runs"](text, text, most=1) == []
