"""The logical model CaseReport: what a report states, every fact with the words it came from.

The names are those of `mappings/logical-models/case-report.json` in snake case; a test holds the two together. Lists
have singular names, as in FHIR. Numbers are Decimal, so that `8.0` stays `8.0`. An absent fact is absent: no field
here has a default that says something about a patient, except that a fact is affirmed unless marked otherwise.

Ids are roles, unique in one report: `{case number}/{role}`, for instance `1/index-1` or `2/complication-1`; group
statements are `0/statement-1`. Whatever refers to another fact holds its id. Mapping turns ids into UUIDs.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fhir_service.reports.span import SourceSpan


class Polarity(StrEnum):
    """Whether the text says that it is so, that it is not so, that it may be so, or that nobody knows."""

    AFFIRMED = "affirmed"
    NEGATED = "negated"
    HYPOTHETICAL = "hypothetical"
    UNKNOWN = "unknown"


class Relation(StrEnum):
    """How a time lies to the event it is counted from (codes of cqf-relativeDateTime)."""

    BEFORE = "before"
    AFTER = "after"
    CONCURRENT = "concurrent"


class Stated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Anything that words in the report state."""

    span: tuple[SourceSpan, ...] = ()
    polarity: Polarity = Polarity.AFFIRMED
    rule: str | None = None
    """Which rule read it, as `module.rule-name`."""
    confidence: float | None = None
    """0 to 1; absent where the rule has no doubt."""


class RelativeTime(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """When something was, counted from a procedure, or a calendar date as far as it is printed.

    `value`, or `low` and `high`, in UCUM `unit` (`min h d wk mo a`); all absent where no amount is stated
    ("preoperatively"). "Immediately" and "during the procedure" are value 0, unit h. `date` is yyyy, yyyy-mm or
    yyyy-mm-dd and excludes the rest.
    """

    relation: Relation | None = None
    event: str | None = None
    """Id of the ProcedureFact it is counted from."""
    value: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    comparator: str | None = None
    """`<`, `<=`, `>=` or `>` of `value`, where the report says "more than two years"."""
    unit: str | None = None
    date: str | None = None


class Coded(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A code of one of our own code systems, the words as written, or both."""

    code: str | None = None
    text: str | None = None


class Level(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One vertebra: C1-C7, T1-T12, L1-L5, S1-S5. A range in the text is one Level per vertebra, each with its span."""

    code: str


class Truth(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A yes or no that the text states."""

    value: bool


class Age(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Age at the event: `value`, or `low` and `high` for "in her 70s"; `unit` is UCUM `a` or `mo`.

    `unit_text` is the unit as printed, absent where none is.
    """

    id: str
    unit: str
    unit_text: str | None = None
    value: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None


class Cement(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The cement that was injected; `code` is `pmma` only where the text says so."""

    id: str
    code: str | None = None
    text: str | None = None


class ProcedureFact(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """An operation done, or refused (polarity negated).

    `kind.code` is of `procedure-kind`, `role` of `procedure-role` (index, revision, prior, concomitant). `detail`
    holds approach, guidance, anaesthesia, technique, finding as Coded with that word as code. `part_of` is the first
    stage, `reason` Conditions, `complication` the complications that followed it.
    """

    id: str
    role: str
    kind: Coded
    level: tuple[Level, ...] = ()
    time: RelativeTime | None = None
    detail: tuple[Coded, ...] = ()
    cement: Cement | None = None
    part_of: str | None = None
    reason: tuple[str, ...] = ()
    refusal: Coded | None = None
    outcome: Coded | None = None


class ConditionFact(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A diagnosis or symptom. Polarity negated is refuted, hypothetical is provisional.

    `role` is of `condition-role` (indication, comorbidity, symptom, complication, sequela); `clinical_status` is
    `resolved` where the text says cured; `due_to` the Procedure; `cause` any other cause as written ("a fall"); `side`
    left, right or bilateral.
    """

    id: str
    role: str
    kind: Coded
    level: tuple[Level, ...] = ()
    side: Coded | None = None
    clinical_status: Coded | None = None
    time: RelativeTime | None = None
    due_to: str | None = None
    cause: tuple[Coded, ...] = ()


class ObservationFact(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One measurement or finding, per side, per timepoint.

    `kind.code` is of `measurement`; `finding` for what was seen or denied, then `polarity` says whether it was there
    and no value is given. A measured value is `value` (or `low` and `high`) with the UCUM `unit` and the unit as
    printed in `unit_text`; `absent` is set where the text says it was not determined. `reference_low`,
    `reference_high` and `interpretation` (H, L, N) only where the report prints the range. `part_of` is a Procedure.
    """

    id: str
    kind: Coded
    value: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    comparator: str | None = None
    unit: str | None = None
    unit_text: str | None = None
    absent: Coded | None = None
    side: Coded | None = None
    level: tuple[Level, ...] = ()
    site: Coded | None = None
    method: Coded | None = None
    reference_low: Decimal | None = None
    reference_high: Decimal | None = None
    interpretation: Coded | None = None
    time: RelativeTime | None = None
    part_of: str | None = None


class ComplicationFact(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One harm. `kind.code` is of `complication`; a denied complication is a negated finding, not one of these.

    `site` is where it lies apart from levels ("upper endplate"), in words or a code of `body-site`; `onset` counts from
    the index Procedure; `outcome.code` is of the R4 AdverseEvent outcome list; `seriousness` and
    `severity` only as stated; `cause` is what the report says of the cause, in its words; `condition` the resulting
    ConditionFact; `suspect` Procedures; `cement_suspect` where the text blames the cement.
    """

    id: str
    kind: Coded
    level: tuple[Level, ...] = ()
    site: tuple[Coded, ...] = ()
    side: Coded | None = None
    onset: RelativeTime | None = None
    outcome: Coded | None = None
    seriousness: Coded | None = None
    severity: Coded | None = None
    cause: tuple[Coded, ...] = ()
    condition: str | None = None
    suspect: tuple[str, ...] = ()
    cement_suspect: Truth | None = None
    history: tuple[str, ...] = ()
    """Comorbidities the report names for this patient."""


class Remark(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Any other fact of a case: `kind.code` names it (medication, consent, citation, discharge, ethnicity, ...)."""

    id: str
    kind: Coded
    value: Decimal | None = None
    unit: str | None = None
    time: RelativeTime | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One patient the report tells of."""

    number: int
    id: str
    """`{number}/patient`."""
    span: tuple[SourceSpan, ...] = ()
    sex: Coded | None = None
    age: Age | None = None
    deceased: Truth | None = None
    procedure: tuple[ProcedureFact, ...] = ()
    condition: tuple[ConditionFact, ...] = ()
    observation: tuple[ObservationFact, ...] = ()
    complication: tuple[ComplicationFact, ...] = ()
    remark: tuple[Remark, ...] = ()


class GroupStatement(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A percentage, count, ratio, mean or range about a cohort, as stated.

    `about` and `population` are the report's words; `unit` is the UCUM unit of `mean` or of `low` and `high`; `group`
    is the id of the cohort itself, given when the statement is mapped. `denominator_span` is where the denominator is
    printed, if that is elsewhere ("14 patients ... Ten of them").
    """

    id: str
    group: str | None = None
    about: Coded
    population: Coded | None = None
    percent: Decimal | None = None
    percent_low: Decimal | None = None
    percent_high: Decimal | None = None
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    denominator_span: tuple[SourceSpan, ...] = ()
    count: Decimal | None = None
    mean: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    unit: str | None = None


class Contradiction(Stated, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Two statements of one report that cannot both be so; `span` holds one span per statement.

    `patient` is the id of the Case that both are about, absent where they are about a group or about several.
    """

    id: str
    detail: str
    implicated: tuple[str, ...] = ()
    patient: str | None = None


class CaseReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Everything one report states."""

    case: tuple[Case, ...] = ()
    group_statement: tuple[GroupStatement, ...] = ()
    contradiction: tuple[Contradiction, ...] = ()
    note: tuple[str, ...] = ()
    """For the person who asked: why nothing was read, which language it is in, and the like."""


_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(CaseReport, strict=True)


def to_json(report: CaseReport) -> bytes:
    """The logical-model JSON of a CaseReport, decimals as printed."""
    return _encoder.encode(report)


def from_json(raw: bytes) -> CaseReport:
    """The CaseReport of logical-model JSON. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _decoder.decode(raw)
