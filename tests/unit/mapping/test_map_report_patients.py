"""Patients, their conditions, operations and complications."""

from __future__ import annotations

from decimal import Decimal

import pytest
from mapped_facts import ABSENT, INDEX, LOCAL, case, code_of, made, mapped, one

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.reports.case_report import (
    Age,
    Cement,
    Coded,
    ComplicationFact,
    ConditionFact,
    Level,
    Polarity,
    ProcedureFact,
    Relation,
    RelativeTime,
    Truth,
)


def test_a_patient_has_a_case_number_and_neither_name_nor_birth_date() -> None:
    patient = one(mapped(case()), "Patient")
    assert patient["identifier"] == [{"system": DEFAULT_BASE + "/case", "value": "10.1000/182#1"}]
    assert (patient["name"], patient["_birthDate"]) == ([ABSENT], ABSENT)
    assert {"gender", "deceasedBoolean", "birthDate"}.isdisjoint(patient)


def test_death_is_said_of_the_patient_only_where_it_is_stated() -> None:
    assert one(mapped(case(deceased=Truth(value=True))), "Patient")["deceasedBoolean"] is True
    denied = Truth(value=True, polarity=Polarity.NEGATED)
    assert "deceasedBoolean" not in one(mapped(case(deceased=denied)), "Patient")


@pytest.mark.parametrize(("unit", "printed"), [("a", "year"), ("mo", "months"), ("a", None)])
def test_age_is_in_years_or_months_as_stated_with_the_unit_as_printed(unit: str, printed: str | None) -> None:
    fact = Age(id="1/age", value=Decimal(7), unit=unit, unit_text=printed)
    age = one(mapped(case(age=fact)), "Observation")
    assert age["code"] == {"coding": [{"system": "http://loinc.org", "code": "30525-0"}]}
    wanted = {"value": 7, "unit": printed, "system": "http://unitsofmeasure.org", "code": unit}
    assert age["valueQuantity"] == {name: value for name, value in wanted.items() if value is not None}


@pytest.mark.parametrize(
    ("polarity", "status"),
    [(Polarity.AFFIRMED, "confirmed"), (Polarity.NEGATED, "refuted"), (Polarity.HYPOTHETICAL, "provisional")],
)
def test_a_condition_says_how_certain_it_is(polarity: Polarity, status: str) -> None:
    fact = ConditionFact(
        id="1/c", role="comorbidity", kind=Coded(code="osteoporosis", text="thin bones"), polarity=polarity
    )
    found = one(mapped(case(condition=(fact,))), "Condition")
    assert [entry["code"] for entry in found["verificationStatus"]["coding"]] == [status]
    assert found["code"]["text"] == "thin bones"
    assert code_of(found["code"], "http://snomed.info/sct") == ["64859006"]
    assert "clinicalStatus" not in found


@pytest.mark.parametrize(
    ("words", "levels", "snomed"),
    [
        ("Osteoporosis", (), ["64859006"]),
        ("severe osteoporosis", (), ["64859006"]),
        ("L2 OVCF", (), ["42942008", "443165006"]),
        ("T12 and L1\ncompression fractures", ("T12", "L1"), ["42942008"]),
        ("compression fracture", (), None),
        ("multiple myeloma", (), ["109989006"]),
        ("family history of osteoporosis", (), None),
        ("lumbar spine", (), None),
    ],
)
def test_words_alone_have_a_code_where_the_whole_of_them_names_a_concept(
    words: str, levels: tuple[str, ...], snomed: list[str] | None
) -> None:
    level = tuple(Level(code=code) for code in levels)
    fact = ConditionFact(id="1/c", role="indication", kind=Coded(text=words), level=level)
    code = one(mapped(case(condition=(fact,))), "Condition")["code"]
    assert code["text"] == words
    assert ([entry["code"] for entry in code["coding"]] if "coding" in code else None) == snomed


def test_icd_10_cm_stands_beside_snomed_where_it_says_the_same_and_no_less() -> None:
    def codes(code: str) -> list[str]:
        fact = ConditionFact(id="1/c", role="complication", kind=Coded(code=code))
        return [entry["code"] for entry in one(mapped(case(condition=(fact,))), "Condition")["code"]["coding"]]

    assert codes("lumbar-radiculopathy") == ["128196005", "M54.16"]
    assert codes("incomplete-paraplegia") == ["G82.22"]
    assert codes("osteoporotic-compression-fracture") == ["42942008", "443165006"]


def test_when_a_condition_began_is_said_or_said_to_be_unknown_unless_it_is_ruled_out() -> None:
    def onset(**facts: object) -> object:
        fact = ConditionFact(id="1/c", role="symptom", kind=Coded(text="pain"), **facts)  # type: ignore[arg-type]  # any
        return one(mapped(case(condition=(fact,))), "Condition").get("_onsetDateTime")

    assert onset() == ABSENT
    assert onset(polarity=Polarity.HYPOTHETICAL) == ABSENT
    assert onset(polarity=Polarity.NEGATED) is None
    assert onset(time=RelativeTime(date="2019-05")) is None


def test_an_unknown_condition_is_a_finding_without_value() -> None:
    fact = ConditionFact(id="1/c", role="symptom", kind=Coded(text="bladder function"), polarity=Polarity.UNKNOWN)
    bundle = mapped(case(condition=(fact,)))
    assert made(bundle, "Condition") == []
    assert one(bundle, "Observation")["code"]["text"] == "bladder function"
    assert "dataAbsentReason" in one(bundle, "Observation")


def test_a_refused_operation_is_not_done_and_says_why() -> None:
    refused = ProcedureFact(
        id="1/revision-1",
        role="revision",
        kind=Coded(text="open surgery"),
        polarity=Polarity.NEGATED,
        refusal=Coded(text="old age"),
    )
    found = made(mapped(case(procedure=(INDEX, refused))), "Procedure")[1]
    assert (found["status"], found["statusReason"]) == ("not-done", {"text": "old age"})


def test_an_operation_only_thought_of_makes_nothing_and_nothing_points_at_it() -> None:
    thought = ProcedureFact(id="1/revision-1", role="revision", kind=Coded(text="x"), polarity=Polarity.HYPOTHETICAL)
    harm = ComplicationFact(
        id="1/complication-1",
        kind=Coded(code="infection"),
        suspect=("1/revision-1", "1/index-1", "1/nobody-knows"),
        onset=RelativeTime(relation=Relation.AFTER, event="1/revision-1", value=Decimal(1), unit="d"),
    )
    bundle = mapped(case(procedure=(INDEX, thought), complication=(harm,)))
    index = one(bundle, "Procedure")
    event = one(bundle, "AdverseEvent")
    assert event["suspectEntity"] == [{"instance": {"reference": f"urn:uuid:{index['id']}"}}]
    assert event["_date"] == ABSENT


def test_cement_that_is_blamed_is_a_suspect_beside_its_operation() -> None:
    index = ProcedureFact(
        id="1/index-1", role="index", kind=Coded(code="kyphoplasty"), cement=Cement(id="1/cement-1", code="pmma")
    )
    harm = ComplicationFact(
        id="1/complication-1",
        kind=Coded(code="cement-dislodgement"),
        suspect=("1/index-1",),
        cement_suspect=Truth(value=True),
        cause=(Coded(text="poor interdigitation"),),
    )
    bundle = mapped(case(procedure=(index,), complication=(harm,)))
    procedure, cement = one(bundle, "Procedure"), made(bundle, "Device")[1]
    assert procedure["focalDevice"] == [{"manipulated": {"reference": f"urn:uuid:{cement['id']}"}}]
    assert code_of(cement["type"], "http://snomed.info/sct") == ["6043006"]
    assert one(bundle, "AdverseEvent")["suspectEntity"] == [
        {
            "instance": {"reference": f"urn:uuid:{procedure['id']}"},
            "causality": [{"productRelatedness": "poor interdigitation"}],
        },
        {"instance": {"reference": f"urn:uuid:{cement['id']}"}},
    ]


def test_pmma_is_not_said_where_the_text_does_not_say_it() -> None:
    index = ProcedureFact(id="1/index-1", role="index", kind=Coded(code="kyphoplasty"), cement=Cement(id="1/cement-1"))
    concept = made(mapped(case(procedure=(index,))), "Device")[1]["type"]
    assert [entry["code"] for entry in concept["coding"]] == ["6043006"]


@pytest.mark.parametrize("polarity", [Polarity.NEGATED, Polarity.HYPOTHETICAL, Polarity.UNKNOWN])
def test_a_complication_that_did_not_happen_for_certain_is_no_adverse_event(polarity: Polarity) -> None:
    harm = ComplicationFact(id="1/complication-1", kind=Coded(code="infection", text="infection"), polarity=polarity)
    bundle = mapped(case(complication=(harm,)))
    assert made(bundle, "AdverseEvent") == []
    assert [entry.get("valueBoolean") for entry in made(bundle, "Observation")] == {
        Polarity.NEGATED: [False],
        Polarity.HYPOTHETICAL: [],
        Polarity.UNKNOWN: [None],
    }[polarity]


def test_what_is_denied_inside_a_fact_is_not_written_as_if_it_were_so() -> None:
    no = Polarity.NEGATED
    index = ProcedureFact(
        id="1/index-1",
        role="index",
        kind=Coded(code="kyphoplasty"),
        level=(Level(code="L1"), Level(code="L2", polarity=no)),
        detail=(Coded(code="anaesthesia", text="general", polarity=no),),
        cement=Cement(id="1/cement-1", polarity=no),
        outcome=Coded(code="resolved", polarity=no),
    )
    harm = ComplicationFact(
        id="1/complication-1",
        kind=Coded(code="infection"),
        suspect=("1/index-1",),
        outcome=Coded(code="resolved", polarity=no),
        severity=Coded(code="severe", polarity=no),
        seriousness=Coded(code="Serious", polarity=no),
        cause=(Coded(text="the cement", polarity=no),),
        cement_suspect=Truth(value=True, polarity=no),
    )
    bundle = mapped(case(procedure=(index,), complication=(harm,)))
    procedure, event = one(bundle, "Procedure"), one(bundle, "AdverseEvent")
    assert [code_of(site, LOCAL + "vertebral-level") for site in procedure["bodySite"]] == [["L1"]]
    assert {"extension", "focalDevice", "outcome"}.isdisjoint(procedure)
    assert {"outcome", "severity", "seriousness"}.isdisjoint(event)
    assert [list(suspect) for suspect in event["suspectEntity"]] == [["instance"]]
    assert len(made(bundle, "Device")) == 1


def test_what_is_denied_keeps_the_time_it_is_denied_of() -> None:
    onset = RelativeTime(relation=Relation.AFTER, event="1/index-1", value=Decimal(6), unit="wk")
    denied = ComplicationFact(id="1/complication-1", kind=Coded(text="leak"), onset=onset, polarity=Polarity.NEGATED)
    moment = one(mapped(case(complication=(denied,))), "Observation")["_effectiveDateTime"]
    assert [extension["url"].rpartition("/")[2] for extension in moment["extension"]] == ["cqf-relativeDateTime"]
    timeless = ComplicationFact(id="1/complication-1", kind=Coded(text="leak"), polarity=Polarity.NEGATED)
    assert one(mapped(case(complication=(timeless,))), "Observation")["_effectiveDateTime"] == ABSENT
