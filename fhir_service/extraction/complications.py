"""Harms of one patient after the augmentation: which of those the sentences name are this patient's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhir_service.extraction import context
from fhir_service.extraction.complication_facts import BY_CEMENT, FactBuilder
from fhir_service.extraction.course import Course
from fhir_service.extraction.document import Section, Sentence
from fhir_service.extraction.harm_onsets import INHERITS_PRESENTATION, goes_on
from fhir_service.extraction.harms import Harm, find_harms, masses
from fhir_service.extraction.levels import neighbours
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.narrative import collective, general, names_patient, of_others
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timeline import Anchor, find_times
from fhir_service.reports.case_report import ComplicationFact, Polarity, ProcedureFact, Relation

_PATIENT = compiled(r"\b(?:she|he|her|his|him|patient)\b", re.IGNORECASE)
_HAD_BEFORE = ("neurological-deficit", "radiculopathy", "spinal-cord-compression", "infection", "haematoma")
"""Harms that a patient can also have come with."""
_SHARED = ("radiculopathy", "adjacent-fracture", "refracture", "infection", *INHERITS_PRESENTATION)
_TREATED = compiled(
    r"\b(?:medication|treatment|therapy|drugs?|chemotherapy|antibiotics?)\s(?:against|for)\s(?:the\s)?(?:\w+\s)?$",
    re.IGNORECASE,
)
_BEGUN = compiled(r"\b(?:begun|started|given|initiated|administered|prescribed)\b", re.IGNORECASE)
_HISTORY = compiled(
    r"\b(?:history\sof|previous|prior|once\shad|past|known|underlying|pre-?existing|pre-?operative(?:ly)?|(?<!hours\s)(?<!days\s)(?<!weeks\s)(?<!months\s)(?<!years\s)before)\b[^.;,]{0,40}$",
    re.IGNORECASE,
)
_ELSEWHERE = compiled(r"\b(?:pulmonary|miliary|lung)\s$", re.IGNORECASE)
_FEARED = compiled(
    r"\b(?:fear\w*|scared|afraid|terrified|worr\w+|prevent\w*|avoid\w*|to\sexclude|will\sget|in\sorder\sto)\b[^.;]{0,40}$",
    re.IGNORECASE,
)


def read(
    course: Course, procedures: Sequence[ProcedureFact], everyone: Sequence[Course]
) -> tuple[ComplicationFact, ...]:
    """The complications of a patient told in running text."""
    index = tuple(fact for fact in procedures if fact.role == "index")
    if not index:
        return ()
    treated = frozenset(level.code for fact in index for level in fact.level)
    harms = _settled([*_told(course, treated), *_shared(course, everyone)])
    builder = FactBuilder(course, procedures, index, treated, frozenset(harm.code for harm in harms))
    groups = _grouped(harms)
    return tuple(builder.fact(number, group) for number, group in enumerate(groups, 1))


def _told(course: Course, treated: frozenset[str]) -> list[Harm]:
    """Harms told of this patient after the augmentation, in the leading sentences first, then where told again."""
    found: list[Harm] = []
    for number, sentence in enumerate(course.patient.case):
        if general(sentence.text) or number < course.begins:
            continue
        for harm in find_harms(sentence):
            if number < course.index[0] and not _opens(course, sentence, harm):
                continue
            if number == course.index[0] and harm.start < course.index[1] and not _after_in_sentence(sentence, harm):
                continue
            found += _accepted(harm, treated)
    found = _not_of_before(course, found)
    found += [harm for sentence in course.patient.echo if _retold(sentence) for harm in _echoed(sentence, treated)]
    known = {harm.code for harm in found if harm.sentence.section is not Section.CAPTION}
    found = [harm for harm in found if harm.code in known]  # a caption illustrates, it does not add
    return _with_masses(course, found)


def _not_of_before(course: Course, found: list[Harm]) -> list[Harm]:
    """Without what a patient had before the augmentation and is only told to have kept, or to be rid of."""
    had = {
        harm.code
        for number, sentence in enumerate(course.patient.case[: course.index[0] + 1])
        if number < course.begins or number == course.index[0]
        for harm in find_harms(sentence)
        if harm.code in _HAD_BEFORE and (number < course.index[0] or harm.start < course.index[1])
    }
    return [harm for harm in found if harm.code not in had or not goes_on(harm)]


def _opens(course: Course, sentence: Sentence, harm: Harm) -> bool:
    """Whether a harm told before the augmentation came after it: the telling looks back, or the sentence counts from
    the augmentation."""
    return harm.code not in ("fracture", "finding") and course.clock(sentence) is not None


def _retold(sentence: Sentence) -> bool:
    if sentence.section is Section.TITLE:
        return True
    return not general(sentence.text) and not of_others(sentence.text) and not collective(sentence.text)


def _echoed(sentence: Sentence, treated: frozenset[str]) -> list[Harm]:
    harms = [
        harm
        for harm in find_harms(sentence)
        if harm.code not in ("fracture", "death", "other", "spinal-cord-compression")
    ]
    if sentence.section is not Section.TITLE and not names_patient(sentence.text):
        harms = [
            harm
            for harm in harms
            if harm.code.startswith(BY_CEMENT) or sentence.section in (Section.ABSTRACT, Section.CAPTION)
        ]
    harms = [harm for harm in harms if harm.code != "neurological-deficit" or sentence.section is Section.TITLE]
    return [accepted for harm in harms for accepted in _accepted(harm, treated)]


def _after_in_sentence(sentence: Sentence, harm: Harm) -> bool:
    """A sentence that counts from the augmentation tells what came after it, whichever is printed first."""
    return any(
        (time.relation is not Relation.BEFORE and time.anchor in (Anchor.PROCEDURE, Anchor.SURGERY)) or time.at_once
        for time in find_times(sentence.text)
    ) or any(time.anchor is Anchor.PRESENT for time in find_times(sentence.text[harm.end :]))


def _accepted(harm: Harm, treated: frozenset[str]) -> list[Harm]:
    text = harm.sentence.text
    polarity = harm.polarity
    if polarity is Polarity.HYPOTHETICAL and _TREATED.search(text[: harm.start]) and _BEGUN.search(text):
        polarity = Polarity.AFFIRMED
    if _ELSEWHERE.search(text[: harm.start]):
        return []
    meant = context.read(harm.sentence, harm.start, harm.end)
    others = meant.others and harm.sentence.section is not Section.TITLE  # "... and review of the literature"
    if meant.family or others or _of_relative(harm) or _FEARED.search(text[: harm.start]):
        return []
    if polarity is not Polarity.AFFIRMED or _HISTORY.search(text[: harm.start]):
        return []
    if harm.code == "fracture":
        code = _fracture_code(harm, treated)
        return [_recoded(harm, code)] if code else []
    if harm.code == "adjacent-fracture" and harm.levels and treated and harm.codes <= treated:
        return []
    return [harm]


def _of_relative(harm: Harm) -> bool:
    """ "Her brother, who had one too, became paraplegic": a relative opens the sentence and nobody else comes in."""
    text = harm.sentence.text
    kin = next((hit for hit in lexicon("context").find(text) if hit.code == "family"), None)
    return kin is not None and kin.start == 0 and not _PATIENT.search(text, kin.end, harm.start)


def _recoded(harm: Harm, code: str) -> Harm:
    return Harm(
        harm.sentence, code, harm.start, harm.end, harm.levels, Polarity.AFFIRMED, harm.weak, harm.new, harm.embolic
    )


def _fracture_code(harm: Harm, treated: frozenset[str]) -> str | None:
    """A fracture told after the augmentation is a harm where it is new, or lies beside the treated vertebrae."""
    if harm.levels and treated and not harm.codes.isdisjoint(treated):
        return None
    beside = bool(harm.levels and treated and harm.codes & neighbours(treated, 1))
    near_word = compiled(r"\badjacent\b").search(harm.sentence.text) is not None and bool(harm.levels)
    return "adjacent-fracture" if beside or (harm.new and harm.levels) or near_word else None


def _with_masses(course: Course, found: list[Harm]) -> list[Harm]:
    """ "Cement had embolised": where to, another sentence tells that describes something in the heart or the lungs."""
    open_ones = [harm for harm in found if harm.code == "embolus"]
    rest = [harm for harm in found if harm.code != "embolus"]
    untold = not any(harm.code.startswith(BY_CEMENT) for harm in rest) and _cement_taken_out(course)
    if not (open_ones or untold) or any(harm.embolic for harm in rest):
        return rest
    for number, sentence in enumerate(course.patient.case):
        if number >= course.index[0] and not general(sentence.text):
            rest += masses(sentence)
    return rest


def _cement_taken_out(course: Course) -> bool:
    return any(
        number >= course.index[0] and lexicon("procedures").has(sentence.text, "cement-removal")
        for number, sentence in enumerate(course.patient.case)
    )


def _shared(course: Course, everyone: Sequence[Course]) -> list[Harm]:
    """What is said of all the reported patients together is said of each."""
    narrated = [other for other in everyone if other.patient.case and not other.patient.speaks]
    if len(narrated) < 2 or course not in narrated:
        return []
    own: list[Harm] = []
    for sentence in course.patient.together:
        for harm in find_harms(sentence):
            adjacent = harm.code == "fracture" and compiled(r"\badjacent\b").search(sentence.text)
            settled = _recoded(harm, "adjacent-fracture") if adjacent else harm
            if settled.polarity is Polarity.AFFIRMED and settled.code in _SHARED:
                own.append(settled)
    return own


def _settled(harms: list[Harm]) -> list[Harm]:
    """Cement in the canal is epidural unless the dura is named; an unspecified leak is one of those specified."""
    codes = {harm.code for harm in harms if not harm.weak}
    if "cement-leakage-intradural" in codes and "cement-leakage-epidural" not in codes:
        harms = [harm for harm in harms if not harm.weak]
    if any(
        code.startswith("cement-leakage-") and code != "cement-leakage-unspecified" for code in {h.code for h in harms}
    ):
        harms = [harm for harm in harms if harm.code != "cement-leakage-unspecified"]
    if any(harm.embolic or harm.code == "cement-dislodgement" for harm in harms):
        harms = [harm for harm in harms if harm.code != "cement-leakage-unspecified"]
    return harms


def _grouped(harms: Sequence[Harm]) -> list[list[Harm]]:
    groups: dict[str, list[Harm]] = {}
    for harm in harms:
        key = harm.code if harm.code != "other" else f"other {harm.words.lower()}"
        groups.setdefault(key, []).append(harm)
    return list(groups.values())
