"""Statements about groups, and contradictions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from mapped_facts import LOCAL, case, code_of, mapped, one

from fhir_service.reports.case_report import CaseReport, Coded, ConditionFact, Contradiction, GroupStatement
from fhir_service.reports.span import SourceSpan


def test_a_ratio_is_the_value_of_a_statement_and_its_percentage_a_component() -> None:
    statement = GroupStatement(
        id="0/statement-1",
        about=Coded(text="leakage"),
        population=Coded(text="patients of one centre"),
        numerator=Decimal(129),
        denominator=Decimal(372),
        percent=Decimal("40.06"),
    )
    report = CaseReport(case=case().case, group_statement=(statement,))
    group, found = one(mapped(report), "Group"), one(mapped(report), "Observation")
    assert (group["type"], group["actual"], group["quantity"]) == ("person", False, 372)
    assert code_of(group["code"], LOCAL + "group-kind") == ["cohort-statement"]
    (characteristic,) = group["characteristic"]
    assert (characteristic["exclude"], characteristic["valueCodeableConcept"]["text"]) == (
        False,
        "patients of one centre",
    )
    assert found["subject"] == {"reference": f"urn:uuid:{group['id']}"}
    assert found["valueRatio"] == {"numerator": {"value": 129}, "denominator": {"value": 372}}
    assert [part["valueQuantity"]["value"] for part in found["component"]] == [Decimal("40.06")]


@pytest.mark.parametrize(
    ("figures", "value", "components"),
    [
        ({"percent": 41}, {"valueQuantity": 41}, []),
        ({"percent_low": 5, "percent_high": 87}, {"valueRange": (5, 87)}, []),
        ({"count": 3}, {"valueQuantity": 3}, []),
        ({"numerator": 6}, {"valueQuantity": 6}, []),
        ({"mean": 3, "unit": "mo"}, {"valueQuantity": 3}, []),
        ({"low": 68, "high": 89, "unit": "a"}, {"valueRange": (68, 89)}, []),
        ({"percent": 41, "count": 3, "mean": 2, "low": 1}, {"valueQuantity": 41}, ["mean", "range", "count"]),
        ({"percent": 40, "numerator": 129}, {"valueQuantity": 40}, ["count"]),
        ({"mean": 3, "low": 1, "high": 5}, {"valueQuantity": 3}, ["range"]),
        ({"denominator": 251}, {}, []),
    ],
)
def test_each_figure_of_a_statement_is_kept(
    figures: dict[str, Any], value: dict[str, Any], components: list[str]
) -> None:
    exact = {name: Decimal(figure) if isinstance(figure, int) else figure for name, figure in figures.items()}
    statement = GroupStatement(id="0/statement-1", about=Coded(text="x"), **exact)
    found = one(mapped(CaseReport(case=case().case, group_statement=(statement,))), "Observation")
    plain = {
        name: tuple(part["value"] for part in entry.values()) if name == "valueRange" else entry["value"]
        for name, entry in found.items()
        if name.startswith("value")
    }
    assert plain == value
    kinds = [code_of(part["code"], LOCAL + "statement-kind")[0] for part in found.get("component", ())]
    assert kinds == components


def test_a_contradiction_keeps_both_sides_and_names_whose_it_is() -> None:
    condition = ConditionFact(id="1/c", role="symptom", kind=Coded(text="weakness"))
    statement = Contradiction(
        id="1/contradiction-1", detail="relieved, and unchanged", implicated=("1/c", "1/index-1"), patient="1/patient"
    )
    report = CaseReport(case=case(condition=(condition,)).case, contradiction=(statement,))
    bundle = mapped(report)
    issue = one(bundle, "DetectedIssue")
    wanted = [one(bundle, "Condition")["id"], one(bundle, "Procedure")["id"]]
    assert [entry["reference"] for entry in issue["implicated"]] == [f"urn:uuid:{fact}" for fact in wanted]
    assert (issue["status"], issue["detail"]) == ("final", "relieved, and unchanged")
    assert issue["patient"] == {"reference": f"urn:uuid:{one(bundle, 'Patient')['id']}"}
    assert code_of(issue["code"], LOCAL + "issue-kind") == ["contradiction"]


def test_words_that_became_no_resource_implicate_the_document() -> None:
    statement = Contradiction(id="0/contradiction-1", detail="reference 8 in the table and 10 in the text")
    bundle = mapped(CaseReport(case=case().case, contradiction=(statement,)))
    document = one(bundle, "DocumentReference")["id"]
    assert one(bundle, "DetectedIssue")["implicated"] == [{"reference": f"urn:uuid:{document}"}]


def test_a_whole_that_is_told_of_elsewhere_has_its_own_words() -> None:
    statement = GroupStatement(
        id="0/statement-1",
        about=Coded(text="recovered"),
        numerator=Decimal(3),
        denominator=Decimal(4),
        denominator_span=(SourceSpan(5, 4),),
    )
    bundle = mapped(CaseReport(case=case().case, group_statement=(statement,)))
    ratio = one(bundle, "Observation")["valueRatio"]
    for told in (ratio["denominator"], one(bundle, "Group")["_quantity"]):
        (extension,) = told["extension"]
        assert extension["url"] == "http://hl7.org/fhir/StructureDefinition/derivation-reference"
        assert [part["valueInteger"] for part in extension["extension"] if "valueInteger" in part] == [5, 4]
    assert ratio["numerator"] == {"value": 3}
