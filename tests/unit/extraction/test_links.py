"""Facts of one case refer to one another."""

from decimal import Decimal

from fhir_service.extraction.links import linked
from fhir_service.reports.case_report import (
    Case,
    Coded,
    ComplicationFact,
    ConditionFact,
    Level,
    Polarity,
    ProcedureFact,
    Relation,
    RelativeTime,
)
from fhir_service.reports.span import SourceSpan

SPAN = (SourceSpan(10, 20),)
ONSET = RelativeTime(relation=Relation.AFTER, event="1/index-1", value=Decimal(2), unit="wk")


def case() -> Case:
    return Case(
        number=1,
        id="1/patient",
        procedure=(
            ProcedureFact(id="1/index-1", role="index", kind=Coded(code="kyphoplasty")),
            ProcedureFact(id="1/revision-1", role="revision", kind=Coded(code="laminectomy")),
        ),
        condition=(
            ConditionFact(id="1/indication-1", role="indication", kind=Coded(text="compression fracture")),
            ConditionFact(id="1/comorbidity-1", role="comorbidity", kind=Coded(text="asthma")),
            ConditionFact(
                id="1/comorbidity-2", role="comorbidity", kind=Coded(text="diabetes"), polarity=Polarity.NEGATED
            ),
        ),
        complication=(
            ComplicationFact(
                id="1/complication-1",
                kind=Coded(code="infection", text="spondylodiscitis"),
                level=(Level(code="T12"),),
                onset=ONSET,
                suspect=("1/index-1",),
                span=SPAN,
            ),
            ComplicationFact(id="1/complication-2", kind=Coded(code="death", text="died"), suspect=("1/revision-1",)),
        ),
    )


def test_the_index_procedure_names_its_indication_and_the_revision_does_not() -> None:
    index, revision = linked(case()).procedure
    assert index.reason == ("1/indication-1",)
    assert revision.reason == ()


def test_a_harm_names_the_condition_it_led_to_with_its_words_place_and_onset() -> None:
    done = linked(case())
    (condition,) = [one for one in done.condition if one.role == "complication"]
    assert done.complication[0].condition == condition.id
    assert condition.kind.text == "spondylodiscitis"
    assert [level.code for level in condition.level] == ["T12"]
    assert condition.time == ONSET
    assert condition.due_to == "1/index-1"
    assert condition.span == SPAN


def test_a_death_is_no_condition() -> None:
    assert linked(case()).complication[1].condition is None


def test_the_history_of_a_harm_holds_the_comorbidities_that_are_not_denied() -> None:
    assert linked(case()).complication[0].history == ("1/comorbidity-1",)


def test_linking_twice_changes_nothing_more() -> None:
    once = linked(case())
    assert linked(once) == once
