"""Measurements and findings: values, units, sites, times."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from mapped_facts import ABSENT, LOCAL, case, code_of, made, mapped, one

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.reports.case_report import Coded, Level, ObservationFact, Polarity, Relation, RelativeTime


def observation(**facts: Any) -> dict[str, Any]:
    facts.setdefault("kind", Coded(code="esr", text="ESR"))
    return one(mapped(case(observation=(ObservationFact(id="1/observation-1", **facts),))), "Observation")


def test_the_printed_unit_is_kept_beside_ucum_and_without_a_unit_the_value_stands_alone() -> None:
    volume = observation(kind=Coded(code="cement-volume"), value=Decimal(6), unit="mL", unit_text="cc")
    assert volume["valueQuantity"] == {"value": 6, "unit": "cc", "system": "http://unitsofmeasure.org", "code": "mL"}
    assert observation(value=Decimal(4500))["valueQuantity"] == {"value": 4500}


def test_the_local_code_has_loinc_beside_it_where_the_concept_map_has_one() -> None:
    assert code_of(observation(value=Decimal(1))["code"], "http://loinc.org") == ["30341-2"]
    bare = observation(kind=Coded(code="odi"), value=Decimal(1))["code"]
    assert bare == {"coding": [{"system": LOCAL + "measurement", "code": "odi"}]}


def test_what_the_text_denies_is_false_and_what_it_says_is_true() -> None:
    finding = Coded(code="finding", text="cement leakage")
    assert observation(kind=finding)["valueBoolean"] is True
    assert observation(kind=finding, polarity=Polarity.NEGATED)["valueBoolean"] is False


def test_what_nobody_determined_has_a_reason_and_no_value() -> None:
    unknown = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}]}
    by_polarity = observation(polarity=Polarity.UNKNOWN)
    assert by_polarity["dataAbsentReason"] == unknown
    stated = observation(absent=Coded(text="not identified"), value=Decimal(3))
    assert stated["dataAbsentReason"] == unknown | {"text": "not identified"}
    assert not [name for found in (by_polarity, stated) for name in found if name.startswith("value")]


def test_a_measured_range_is_a_range() -> None:
    found = observation(low=Decimal(8), high=Decimal(9))
    assert found["valueRange"] == {"low": {"value": 8}, "high": {"value": 9}}


def test_a_measurement_that_is_denied_or_only_thought_of_is_not_written() -> None:
    for polarity in (Polarity.NEGATED, Polarity.HYPOTHETICAL):
        fact = ObservationFact(id="1/o", kind=Coded(code="esr"), value=Decimal(3), polarity=polarity)
        assert made(mapped(case(observation=(fact,))), "Observation") == []


def test_one_level_is_the_body_site_and_several_are_extensions() -> None:
    single = observation(value=Decimal(1), level=(Level(code="T12"),))
    assert code_of(single["bodySite"], LOCAL + "vertebral-level") == ["T12"]
    assert code_of(single["bodySite"], "http://snomed.info/sct") == ["23215003"]
    several = observation(value=Decimal(1), level=(Level(code="T8"), Level(code="L1")))
    assert "bodySite" not in several
    concepts = [entry["valueCodeableConcept"] for entry in several["extension"]]
    assert [code_of(concept, LOCAL + "vertebral-level") for concept in concepts] == [["T8"], ["L1"]]
    assert {entry["url"] for entry in several["extension"]} == {DEFAULT_BASE + "/StructureDefinition/observation-level"}


@pytest.mark.parametrize(
    ("time", "offset"),
    [
        (RelativeTime(relation=Relation.BEFORE, event="1/index-1"), {"valueDuration": ABSENT}),
        (
            RelativeTime(relation=Relation.AFTER, event="1/index-1", value=Decimal("1.5"), unit="wk"),
            {
                "valueDuration": {
                    "value": Decimal("1.5"),
                    "unit": "wk",
                    "system": "http://unitsofmeasure.org",
                    "code": "wk",
                }
            },
        ),
        (
            RelativeTime(relation=Relation.AFTER, event="1/index-1", low=Decimal(2), unit="d"),
            {
                "valueRange": {
                    "low": {"value": 2, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"},
                }
            },
        ),
    ],
)
def test_relative_time_has_all_four_parts(time: RelativeTime, offset: dict[str, Any]) -> None:
    (extension,) = observation(value=Decimal(1), time=time)["_effectiveDateTime"]["extension"]
    assert extension["url"] == "http://hl7.org/fhir/StructureDefinition/cqf-relativeDateTime"
    target, path, relationship, amount = extension["extension"]
    assert target["url"] == "target"
    assert target["valueReference"]["reference"].startswith("urn:uuid:")
    assert path == {"url": "targetPath", "valueString": "performed"}
    assert relationship == {"url": "relationship", "valueCode": time.relation}
    assert amount == {"url": "offset", **offset}


def test_a_partial_date_is_written_as_printed_and_no_time_is_said_to_be_unknown() -> None:
    dated = observation(value=Decimal(1), time=RelativeTime(date="2011-12"))
    assert (dated["effectiveDateTime"], "_effectiveDateTime" in dated) == ("2011-12", False)
    for time in (None, RelativeTime(relation=Relation.AFTER), RelativeTime(date="2011", polarity=Polarity.UNKNOWN)):
        found = observation(value=Decimal(1), time=time)
        assert (found["_effectiveDateTime"], "effectiveDateTime" in found) == (ABSENT, False)


@pytest.mark.parametrize(
    ("site", "loinc"),
    [("Lumbar spine", ["38267-1"]), ("femur neck", ["38263-0"]), ("total hip", ["38264-8"]), ("spine", []), (None, [])],
)
def test_a_t_score_has_the_loinc_code_of_where_it_was_measured(site: str | None, loinc: list[str]) -> None:
    place = Coded(text=site) if site else None
    code = observation(kind=Coded(code="t-score"), value=Decimal("-2.5"), unit="{Tscore}", site=place)["code"]
    assert code_of(code, "http://loinc.org") == loinc
    assert code_of(code, LOCAL + "measurement") == ["t-score"]


def test_a_measurement_without_a_value_is_not_said_to_be_true_or_false() -> None:
    bare = observation()
    assert "valueBoolean" not in bare
    assert bare["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    high = observation(interpretation=Coded(code="H"))
    assert {"valueBoolean", "dataAbsentReason"}.isdisjoint(high)
    denied = ObservationFact(id="1/observation-1", kind=Coded(code="esr"), polarity=Polarity.NEGATED)
    assert made(mapped(case(observation=(denied,))), "Observation") == []
