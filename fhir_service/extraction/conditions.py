"""Diagnoses of one patient: what the augmentation was for, what else the patient had, felt, and was left with.

Complications are read elsewhere. A fear or a question makes no Condition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.comorbidities import allergies, diseases
from fhir_service.extraction.condition_facts import condition
from fhir_service.extraction.document import Section, Sentence
from fhir_service.extraction.indication import indications
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import general
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timepoints import Operations, relative_time, timepoints
from fhir_service.reports.case_report import Coded, ConditionFact, Polarity, ProcedureFact, Relation

_SIDE_REACH = 25
_CLAUSE = compiled(r"[;.:]\s|,?\s(?:but|yet|although|while|whereas|then)\s|,\sand\s")


def read(
    sentences: Sequence[Sentence],
    case_number: int,
    procedures: Sequence[ProcedureFact],
    more: Iterable[ConditionFact] = (),
) -> tuple[ConditionFact, ...]:
    """The conditions that a patient's sentences state: indication first, then comorbidities, symptoms, sequelae;
    with them `more`, which a table states."""
    operations = Operations(procedures, sentences)
    told = [
        s
        for s in sentences
        if s.section not in (Section.TITLE, Section.REFERENCES)
        and context.is_prose(s)
        and (s.section is Section.TABLE or not general(s.text))
    ]
    facts = [*indications(told, operations), *more]
    for sentence in told:
        if sentence.section is Section.CAPTION:
            continue
        facts += _felt(sentence, operations)
        if sentence.section is not Section.TABLE:
            facts += diseases(sentence, operations)
            facts += allergies(sentence)
    return _numbered(_merged(facts), case_number)


def _felt(sentence: Sentence, operations: Operations) -> Iterator[ConditionFact]:
    text = sentence.text
    for hit in lexicon("conditions").find(text):
        role = hit.term["group"]
        if role not in ("symptom", "sequela") or _in_a_disease(text, hit):
            continue
        if role == "sequela" and not operations.told(operations.index, sentence, hit.start):
            continue
        read = context.read(sentence, hit.start, hit.end)
        others = read.others and sentence.section not in (Section.CASE, Section.TABLE)
        if read.polarity is not Polarity.AFFIRMED or read.family or others:
            continue
        verdict = _verdict(text, hit)
        if verdict in ("improved", "recovered"):  # it was there before; its relief is an outcome
            continue
        points = timepoints(sentence)
        time = (
            None  # that it went on does not say since when
            if verdict
            else relative_time(sentence, points[0] if len(points) == 1 else None, operations, hit.start)
        )
        if role == "sequela" and time is not None and time.relation is Relation.BEFORE:
            continue  # told later of the time before: "Before VP she had walked with a cane."
        fact = condition(sentence, (hit.start, hit.end), role=role, words=text[hit.start : hit.end], rule=role)
        yield msgspec.structs.replace(fact, side=_side(text, hit), time=time)


def _in_a_disease(text: str, hit: Hit) -> bool:
    """`hay fever` is no fever."""
    return any(one.start <= hit.start and hit.end <= one.end for one in lexicon("diseases").find(text))


def _verdict(text: str, symptom: Hit) -> str | None:
    """How the clause of a symptom says that it went on: recovered, improved, remaining or unchanged."""
    start = max((end.end() for end in _CLAUSE.finditer(text, 0, symptom.start)), default=0)
    end = _CLAUSE.search(text, symptom.end)
    clause = text[start : end.start() if end else len(text)]
    verdicts = [found.code for found in lexicon("outcomes").find(clause)]
    for code in ("remaining", "unchanged", "recovered", "improved"):
        if code in verdicts:
            return code
    return None


def _side(text: str, hit: Hit) -> Coded | None:
    """A side inside the words, right before them, or in the limb named right behind them."""
    end = compiled(r"[,;.]|\sand\s").search(text, hit.end, hit.end + _SIDE_REACH)
    near = text[max(0, hit.start - 7) : end.start() if end else hit.end + _SIDE_REACH]
    sides = {found.code for found in lexicon("sites").find(near) if found.term["kind"] == "side"}
    return Coded(code=sides.pop()) if len(sides) == 1 else None


def _merged(facts: Iterable[ConditionFact]) -> list[ConditionFact]:
    """One condition a role and name; what was affirmed anywhere is affirmed."""
    kept: dict[tuple[str, str, str | None], ConditionFact] = {}
    for fact in facts:
        key = (fact.role, (fact.kind.text or "").lower(), fact.side.code if fact.side else None)
        known = kept.get(key)
        if known is None:
            kept[key] = fact
            continue
        kept[key] = msgspec.structs.replace(
            known,
            span=tuple(dict.fromkeys((*known.span, *fact.span))),
            polarity=Polarity.AFFIRMED if Polarity.AFFIRMED in (known.polarity, fact.polarity) else known.polarity,
            clinical_status=known.clinical_status or fact.clinical_status,
        )
    return _without_shorter_names(list(kept.values()))


def _without_shorter_names(facts: list[ConditionFact]) -> list[ConditionFact]:
    """A comorbidity named shortly after it was named in full is the same one."""
    out: list[ConditionFact] = []
    for fact in sorted(facts, key=lambda f: f.role == "comorbidity" and -len((f.kind.text or "").split())):
        words = set((fact.kind.text or "").lower().split())
        place = next(
            (
                i
                for i, known in enumerate(out)
                if fact.role == known.role == "comorbidity" and words <= set((known.kind.text or "").lower().split())
            ),
            None,
        )
        if place is None:
            out.append(fact)
        else:
            out[place] = msgspec.structs.replace(out[place], span=(*out[place].span, *fact.span))
    order = {id(fact): number for number, fact in enumerate(facts)}
    return sorted(
        out,
        key=lambda f: order.get(id(f), next(n for n, x in enumerate(facts) if x.kind == f.kind and x.role == f.role)),
    )


def _numbered(facts: Iterable[ConditionFact], case_number: int) -> tuple[ConditionFact, ...]:
    counts: dict[str, int] = {}
    out = []
    for fact in facts:
        counts[fact.role] = counts.get(fact.role, 0) + 1
        out.append(msgspec.structs.replace(fact, id=f"{case_number}/{fact.role}-{counts[fact.role]}"))
    return tuple(out)
