"""What the maps write is valid R4, by our own structure check and by an independent validator, pyrofile."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from golden_cases import CASES, GoldenCase
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mapped_facts import mapped, walk
from second_opinion import KNOWN_FALSE_POSITIVES, unexplained, validator

from fhir_service.mapping.map_report import encode_bundle
from fhir_service.reports.case_report import (
    Age,
    Case,
    CaseReport,
    Cement,
    Coded,
    ComplicationFact,
    ConditionFact,
    Contradiction,
    GroupStatement,
    Level,
    ObservationFact,
    Polarity,
    ProcedureFact,
    Relation,
    RelativeTime,
    Remark,
    Truth,
)
from fhir_service.reports.span import SourceSpan
from fhir_service.validation.structure import findings


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_golden_bundle_is_valid_to_pyrofile(case: GoldenCase) -> None:
    assert unexplained(case.expected) == []


def test_pyrofile_is_awake() -> None:
    broken = json.loads(encode_bundle(CASES["every-kind-of-fact"].expected))
    patient = next(entry["resource"] for entry in broken["entry"] if entry["resource"]["resourceType"] == "Patient")
    patient["gender"] = "woman"
    assert unexplained(broken)


def test_every_known_false_positive_still_occurs() -> None:
    bundle = json.loads(encode_bundle(CASES["every-kind-of-fact"].expected))
    statement = {"resourceType": "CapabilityStatement", "format": ["json", "xml"]}
    issues = [issue for resource in (bundle, statement) for issue in validator().validate_resource(resource).issues]
    for known in KNOWN_FALSE_POSITIVES:
        assert any(known.code == issue.code and known.path.fullmatch(issue.path) for issue in issues), known.reason


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_golden_bundle_has_the_structure_of_r4(case: GoldenCase) -> None:
    assert [finding for entry in case.expected["entry"] for finding in findings(entry["resource"])] == []
    assert findings(case.expected) == []


SPANS = st.lists(st.builds(SourceSpan, st.integers(0, 10), st.integers(1, 10)), max_size=2).map(tuple)
STATED = {"span": SPANS, "polarity": st.sampled_from(Polarity)}
NUMBERS = st.decimals(-1000, 10000, allow_nan=False, places=2) | st.integers(0, 500).map(Decimal)
WORDS = st.sampled_from(["leakage", "“cement” — μ", "x"])
NUMBER = st.none() | NUMBERS
IDS = st.sampled_from(["1/index-1", "1/thought-1", "1/condition-1", "1/nobody"])


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def several(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=2).map(tuple)


def coded(*codes: str) -> st.SearchStrategy[Coded]:
    return st.builds(Coded, **STATED, code=st.none() | st.sampled_from(codes or ("other",)), text=st.none() | WORDS)


def named(*codes: str) -> st.SearchStrategy[Coded]:
    return coded(*codes).filter(lambda concept: bool(concept.code or concept.text))


LEVELS = several(st.builds(Level, **STATED, code=st.sampled_from(["C7", "T12", "L1", "S2"])))
TIMES = optional(
    st.builds(
        RelativeTime,
        **STATED,
        relation=optional(st.sampled_from(Relation)),
        event=optional(IDS),
        value=NUMBER,
        low=NUMBER,
        unit=optional(st.sampled_from(["h", "d", "wk", "mo", "a"])),
        date=optional(st.sampled_from(["2011", "2011-12", "2011-12-31"])),
    )
)
SIDES = optional(coded("left", "right", "bilateral"))
OUTCOMES = optional(coded("resolved", "fatal", "unknown"))
FIGURES = {
    "value": NUMBER,
    "low": NUMBER,
    "high": NUMBER,
    "unit": optional(st.just("mg/L")),
    "unit_text": optional(WORDS),
}
OBSERVATIONS = st.builds(
    ObservationFact,
    id=st.just("1/observation-1"),
    kind=named("vas", "finding", "t-score"),
    **STATED,
    **FIGURES,
    comparator=optional(st.just("<")),
    absent=optional(coded("unknown")),
    side=SIDES,
    level=LEVELS,
    site=optional(named("dura")),
    method=optional(named("ct")),
    reference_low=NUMBER,
    reference_high=NUMBER,
    interpretation=optional(named("H", "N")),
    time=TIMES,
    part_of=optional(st.just("1/index-1")),
)
CONDITIONS = st.builds(
    ConditionFact,
    id=st.just("1/condition-1"),
    role=st.sampled_from(["indication", "sequela"]),
    kind=named("osteoporotic-compression-fracture", "radiculopathy"),
    **STATED,
    level=LEVELS,
    side=SIDES,
    clinical_status=optional(coded("resolved")),
    time=TIMES,
    due_to=optional(st.just("1/index-1")),
    cause=several(named()),
)
CEMENTS = optional(
    st.builds(Cement, id=st.just("1/cement-1"), **STATED, code=optional(st.just("pmma")), text=optional(WORDS))
)
PROCEDURES = st.tuples(
    st.builds(
        ProcedureFact,
        id=st.just("1/index-1"),
        role=st.just("index"),
        kind=named("kyphoplasty", "laminectomy"),
        span=SPANS,
        level=LEVELS,
        time=TIMES,
        detail=several(named("approach")),
        cement=CEMENTS,
        reason=several(st.sampled_from(["1/nobody"])),
        refusal=optional(named()),
        outcome=OUTCOMES,
    ),
    st.builds(ProcedureFact, id=st.just("1/thought-1"), role=st.just("revision"), kind=named("fusion"), **STATED),
)
COMPLICATIONS = st.builds(
    ComplicationFact,
    id=st.just("1/complication-1"),
    kind=named("pulmonary-cement-embolism", "death"),
    **STATED,
    level=LEVELS,
    site=several(named("spinal-cord")),
    side=SIDES,
    onset=TIMES,
    outcome=OUTCOMES,
    seriousness=optional(named("Serious")),
    severity=optional(coded("severe")),
    cause=several(named()),
    suspect=several(IDS),
    cement_suspect=optional(st.builds(Truth, **STATED, value=st.booleans())),
)
REMARKS = st.builds(
    Remark,
    id=st.just("1/remark-1"),
    kind=named("consent"),
    **STATED,
    value=NUMBER,
    unit=optional(st.just("mg")),
    time=TIMES,
)
AGES = optional(
    st.builds(
        Age, id=st.just("1/age"), unit=st.sampled_from(["a", "mo"]), **STATED, value=NUMBER, low=NUMBER, high=NUMBER
    )
)
CASE_REPORTS = st.builds(
    CaseReport,
    case=st.tuples(
        st.builds(
            Case,
            number=st.just(1),
            id=st.just("1/patient"),
            span=SPANS,
            sex=optional(coded("female", "male")),
            age=AGES,
            deceased=optional(st.builds(Truth, **STATED, value=st.booleans())),
            procedure=PROCEDURES,
            condition=st.tuples(CONDITIONS),
            observation=st.tuples(OBSERVATIONS),
            complication=st.tuples(COMPLICATIONS),
            remark=st.tuples(REMARKS),
        )
    ),
    group_statement=st.tuples(
        st.builds(
            GroupStatement,
            id=st.just("0/statement-1"),
            about=named("death"),
            population=optional(named()),
            **STATED,
            percent=NUMBER,
            percent_low=NUMBER,
            numerator=NUMBER,
            denominator=NUMBER,
            count=NUMBER,
            mean=NUMBER,
            high=NUMBER,
            unit=optional(st.just("mo")),
        )
    ),
    contradiction=st.tuples(
        st.builds(
            Contradiction,
            id=st.just("0/contradiction-1"),
            span=SPANS,
            detail=WORDS,
            implicated=several(st.sampled_from(["0/statement-1", "1/thought-1"])),
            patient=optional(st.just("1/patient")),
        )
    ),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(CASE_REPORTS)
def test_whatever_the_facts_are_the_bundle_is_valid_and_points_at_nothing_outside(report: CaseReport) -> None:
    bundle = mapped(report)
    assert [finding for entry in bundle["entry"] for finding in findings(entry["resource"])] == []
    assert findings(bundle) == []
    assert unexplained(bundle) == []
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    assert {node["reference"] for node in walk(bundle) if "reference" in node} <= urls
