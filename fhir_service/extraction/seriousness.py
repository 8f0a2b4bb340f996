"""Why a harm is serious, as far as the report states it: it died of it, is left disabled, or was operated on for it.

The codes are those of R4's adverse-event-seriousness that say why: the research guide wants the criterion.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fhir_service.extraction.lexicon import lexicon
from fhir_service.reports.case_report import Coded, ComplicationFact, Polarity, ProcedureFact

_DEATH, _DEADLY = "death", "SeriousResultsInDeath"
_DEFICIT, _DISABLING = "neurological-deficit", "SeriousResultsInDisability"
_OPERATED = "SeriousRequiresPreventImpairment"
_LEFT = ("resolvedWithSequelae", "ongoing")
"""Outcomes at which something is left."""


def with_seriousness(
    harms: Sequence[ComplicationFact], procedures: Sequence[ProcedureFact]
) -> tuple[ComplicationFact, ...]:
    """The harms of one patient, each with why it is serious; an operation counts where there is one harm it can be
    for."""
    revision = next((fact for fact in procedures if _was_done(fact)), None) if len(harms) == 1 else None
    return tuple(msgspec.structs.replace(harm, seriousness=_stated(harm, revision)) for harm in harms)


def _was_done(fact: ProcedureFact) -> bool:
    return fact.role == "revision" and fact.polarity is Polarity.AFFIRMED and not fact.refusal


def _stated(harm: ComplicationFact, revision: ProcedureFact | None) -> Coded | None:
    end = harm.outcome
    if harm.kind.code == _DEATH:
        return Coded(code=_DEADLY, text=harm.kind.text, span=harm.kind.span, rule="seriousness.death")
    if end is not None and end.code in _LEFT and _disables(harm, end):
        return Coded(code=_DISABLING, text=end.text, span=end.span, rule="seriousness.lasting-deficit")
    if revision is not None:
        kind = revision.kind
        return Coded(code=_OPERATED, text=kind.text, span=kind.span, rule="seriousness.operation")
    return None


def _disables(harm: ComplicationFact, end: Coded) -> bool:
    """A deficit that is left, or an end whose words name one."""
    return harm.kind.code == _DEFICIT or lexicon("seriousness").has(end.text or "", _DISABLING)
