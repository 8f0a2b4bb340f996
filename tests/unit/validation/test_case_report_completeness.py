"""How much of what a registry asks for is stated, declared unknown, or missing."""

from __future__ import annotations

from typing import Any

from case_report_cases import report

from fhir_service.fhir.errors import Issue
from fhir_service.validation.case_reports import Section, completeness, section_of


def sections(parts: dict[str, Any]) -> dict[str, Section]:
    return {section.name: section for section in completeness(report(parts))}


def test_every_section_is_counted_also_where_nothing_of_it_is_there() -> None:
    assert [section.name for section in completeness({})] == [
        "patient",
        "procedure",
        "condition",
        "measurement",
        "complication",
        "outcome",
        "follow-up",
    ]
    assert {(section.stated, section.declared_unknown, section.missing) for section in completeness({})} == {(0, 0, 0)}


def test_a_missing_element_is_named_by_its_path() -> None:
    found = sections({"case": {"sex": {"code": "female"}, "complication": [{"kind": {"code": "infection"}}]}})
    assert found["patient"] == Section("patient", 1, 0, 2, ("case[0].age", "case[0].deceased"))
    assert found["outcome"].missing_elements == ("case[0].complication[0].outcome",)
    assert "case[0].complication[0].onset" in found["complication"].missing_elements
    assert found["follow-up"].missing == 1


def test_what_is_declared_unknown_is_not_missing() -> None:
    unknown = sections(
        {
            "case": {
                "age": {"id": "1/age", "unit": "a", "polarity": "unknown"},
                "observation": [{"kind": {"code": "cement-volume"}, "absent": {"code": "unknown"}}],
            }
        }
    )
    assert unknown["patient"].declared_unknown == 1
    # the volume as a fact of the case, and the value of the observation
    assert (unknown["measurement"].declared_unknown, unknown["measurement"].missing) == (2, 0)


def test_what_is_denied_is_stated() -> None:
    found = sections({"case": {"deceased": {"value": True, "polarity": "negated"}}})
    assert found["patient"].stated == 1


def test_nothing_is_asked_of_a_fact_that_is_not_affirmed() -> None:
    complication = {"kind": {"code": "infection"}, "polarity": "hypothetical"}
    assert sections({"case": {"complication": [complication]}})["outcome"].missing == 0


def test_a_finding_has_no_value_to_ask_for() -> None:
    finding = {"kind": {"code": "finding", "text": "no leakage"}}
    assert sections({"case": {"observation": [finding]}})["measurement"].missing == 1  # the volume of cement


def test_the_section_of_a_finding_is_the_first_step_below_the_case() -> None:
    def section(path: str) -> str:
        return section_of(Issue("error", "value", "x", (path,)))

    assert section("case[0].complication[1].onset.unit") == "complication"
    assert section("case[0]") == "patient"
    assert section("groupStatement[0].percent") == "report"
