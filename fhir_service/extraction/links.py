"""What belongs together in one case: an operation and its reason, a harm and the condition it led to.

The modules that read facts each look at one kind; this one joins what they found and reads nothing itself.
"""

from __future__ import annotations

import msgspec

from fhir_service.reports.case_report import Case, Coded, ComplicationFact, ConditionFact, Polarity

_FATAL = "death"
_CONDITION_ROLE = "complication"


def linked(case: Case) -> Case:
    """The case with the references between its facts: index procedures name the indications they were done for, every
    harm but a death its resulting Condition (one more fact of role complication), and the comorbidities."""
    harms = tuple(_with_history(_with_condition(harm), case) for harm in case.complication)
    known = {condition.id for condition in case.condition}
    resulting = (_resulting(harm, harm.condition) for harm in harms if harm.condition and harm.condition not in known)
    reasons = _ids(case, "indication")
    procedures = tuple(
        msgspec.structs.replace(procedure, reason=reasons)
        if procedure.role == "index" and not procedure.reason
        else procedure
        for procedure in case.procedure
    )
    return msgspec.structs.replace(
        case, procedure=procedures, condition=(*case.condition, *resulting), complication=harms
    )


def _with_condition(harm: ComplicationFact) -> ComplicationFact:
    """A death is an event and no condition; what it was of stands in its own words."""
    if harm.kind.code == _FATAL or harm.condition:
        return harm
    return msgspec.structs.replace(harm, condition=f"{harm.id}-condition")


def _with_history(harm: ComplicationFact, case: Case) -> ComplicationFact:
    return msgspec.structs.replace(harm, history=harm.history or _ids(case, "comorbidity"))


def _resulting(harm: ComplicationFact, condition_id: str) -> ConditionFact:
    """The harm as a Condition: its words, its place, its onset, and the operation it is due to."""
    return ConditionFact(
        id=condition_id,
        role=_CONDITION_ROLE,
        kind=Coded(text=harm.kind.text, span=harm.kind.span),
        level=harm.level,
        side=harm.side,
        time=harm.onset,
        due_to=harm.suspect[0] if harm.suspect else None,
        span=harm.span,
        rule="links.resulting-condition",
    )


def _ids(case: Case, role: str) -> tuple[str, ...]:
    return tuple(
        condition.id
        for condition in case.condition
        if condition.role == role and condition.polarity is not Polarity.NEGATED
    )
