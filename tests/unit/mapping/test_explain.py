"""Where every element of an output comes from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from golden_cases import CASES, RECORDED

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.extraction.read_report import extract
from fhir_service.mapping.explain import Explanation, Explanations, explain
from fhir_service.mapping.map_report import MAP, MappedCaseReport, map_case_report_traced
from fhir_service.reports.report import Report
from fhir_service.reports.source import source_from_json

from .conftest import URL, library, map_text

SEEDS = Path(__file__).parents[3] / "seeds"


def leaves(node: Any, path: str) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from leaves(value, f"{path}.{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from leaves(value, f"{path}[{index}]")
    elif node is not None:
        yield path


def hold(mapped: MappedCaseReport, text: str) -> list[Explanation]:
    told, found = Explanations(mapped.trace, mapped.source), []
    for path in leaves(mapped.bundle, "Bundle"):
        explanation = told.of(path)
        assert explanation is not None, path
        assert all(rule.map_url.startswith(DEFAULT_BASE + MAP) for rule in explanation.rules), path
        assert explanation.spans or explanation.constant is not None, path
        assert all(0 <= span["offset"] < span["offset"] + span["length"] <= len(text) for span in explanation.spans)
        found.append(explanation)
    return found


@pytest.mark.parametrize("name", CASES)
def test_every_leaf_of_a_golden_case_leads_to_a_rule_and_to_words_or_a_constant(name) -> None:
    case = CASES[name]
    mapped = map_case_report_traced(case.facts, case.report, recorded=RECORDED, base=DEFAULT_BASE)
    assert mapped.bundle == case.mapped()
    assert len(hold(mapped, case.report.text)) > 50


@pytest.mark.parametrize("name", sorted(folder.name for folder in SEEDS.iterdir()))
def test_every_leaf_of_a_seed_leads_to_a_rule_and_to_words_or_a_constant(name) -> None:
    source = source_from_json((SEEDS / name / "source.json").read_bytes())
    report = Report(text=(SEEDS / name / "report.txt").read_text("utf-8"), source=source)
    mapped = map_case_report_traced(extract(report), report, recorded=RECORDED, base=DEFAULT_BASE)
    found = hold(mapped, report.text)
    assert sum(bool(explanation.spans) for explanation in found) > len(found) / 2


def test_an_amount_leads_to_its_words_and_a_literal_to_the_map() -> None:
    case = CASES["every-kind-of-fact"]
    mapped = map_case_report_traced(case.facts, case.report, recorded=RECORDED, base=DEFAULT_BASE)
    resources = [entry["resource"] for entry in mapped.bundle["entry"]]
    at = next(index for index, one in enumerate(resources) if "valueQuantity" in one)
    path = f"Bundle.entry[{at}].resource.valueQuantity.value"
    found = explain(mapped.trace, mapped.source, path)
    assert found is not None
    words = [case.report.text[s["offset"] : s["offset"] + s["length"]] for s in found.spans]
    assert any(str(resources[at]["valueQuantity"]["value"]) in one for one in words)
    method = explain(mapped.trace, mapped.source, f"Bundle.entry[{at}].request.method")
    assert method is not None
    assert (method.constant, method.rules[-1].group) == ("PUT", "Put")
    provenance = explain(mapped.trace, mapped.source, f"Bundle.entry[{at + len(resources) // 2}].resource.recorded")
    assert provenance is not None
    assert (provenance.constant, provenance.source) == ("provenance", found.source.rpartition(".")[0] or found.source)


def test_what_was_copied_whole_is_explained_part_by_part() -> None:
    source = {"n": [{"family": "A"}, {"family": "B", "given": ["x", "y"], "span": [{"offset": 1, "length": 2}]}]}
    source["n"][1].pop("span")
    done = library(map_text("src.n as n -> tgt.name = n;")).transform_traced(URL, source)
    found = explain(done.trace, source, "Patient.name[1].given[1]")
    assert found is not None
    assert (found.source, found.constant, found.rules[0].rule) == ("n[1].given[1]", "y", "n-1")


def test_a_path_outside_of_the_output_is_not_explained() -> None:
    done = library(map_text("src -> tgt.gender = 'male';")).transform_traced(URL, {})
    assert explain(done.trace, {}, "Bundle.entry[0]") is None
    inside = explain(done.trace, {}, "Patient.gender")
    assert inside is not None
    assert (inside.constant, inside.rules[0].line) == ("male", 4)


def test_a_value_that_another_took_the_place_of_leaves_no_trace() -> None:
    rules = "src -> tgt.gender = 'male' \"one\"; src -> tgt.gender = 'female' \"two\";"
    done = library(map_text(rules)).transform_traced(URL, {})
    assert [entry.rule for entry in done.trace if entry.target == "Patient.gender"] == ["two"]
