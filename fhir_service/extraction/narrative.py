"""What a sentence speaks of: this patient, the reported patients together, other people's patients, or things in general."""

from __future__ import annotations

import re

_PATIENT = re.compile(
    r"\b(?:she|her|hers|he|his|him|the\s(?:\w+\s)?patient(?:'s)?|(?:our|this|present)\s(?:\w+\s)?(?:patient|case|woman|man)|"
    r"(?:in|of)\s(?:our|the\s(?:present|current|reported))\scase|this\s(?:lady|gentleman|woman|man)|case\s\d|patient\s\d)\b",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"\b(?:(?:our|this|the\spresent|the\scurrent|the\sreported|present)\s(?:own\s)?(?:patient|case)|in\sour\scases?|we\sreport\s(?:here\s)?(?:a|an|the)\s(?:\w+\s){0,3}case|"
    r"we\s(?:describe|present)(?:ed)?\s(?:here\s)?(?:a|an|the)\s(?:\w+\s){0,4}case|the\spatient\sin\squestion)\b",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\bet\.?\s?al\b|\b(?:\w+ and colleagues)\b|\breported\s(?:that|a|an|the|in|by|on|\d+|one|two|three)\b|\bin\sthe\sliterature\b|\bliterature\b|"
    r"\b(?:previous|other|earlier|published|reported)\s(?:report|stud|author|case|series|paper)",
    re.IGNORECASE,
)
_GENERAL = re.compile(
    r"\b(?:(?:can|may|might|should|would|must|could(?!\sbe\s(?:removed|identified|found|seen|excised|extracted|closed|performed|done)))\s(?:also\s|even\s|then\s|thus\s|not\s|often\s|still\s|potentially\s|easily\s)?(?:be|lead|cause|occur|result|develop|arise|happen|embolize|have|induce|produce|help|"
    r"refracture|present|begin|remain|need|require|provide|improve|prevent|compress|leak|flow|perforate|appear|include|become)|"
    r"(?:is|are)\s(?:a\s|an\s|the\s|one\sof\sthe\s|generally\s|usually\s|often\s|rarely\s|very\s|extremely\s|widely\s|well\s|relatively\s|considered\s|most\s|still\s|more\sand\smore\s|not\s|rather\s|so\s)*"
    r"(?:rare|common|uncommon|frequent|infrequent|known|accepted|used|recommended|indicated|asymptomatic|associated|considered|reported|safe|effective|popular|usual|"
    r"most\scommon|minor|dangerous|caused\sby|typical|performed|treated|important|necessary|mandatory|essential|complication|procedure|technique|serious|useful|option|seen|needed|slight|low|high)|"
    r"(?:has|have)\s(?:been|become|rarely\sbeen|only\sbeen|also\sbeen|never\sbeen|not\sbeen)\s(?:\w+\s)?(?:reported|described|used|shown|published|proposed|documented|suggested|performed|recognized|an?)|"
    r"those\stypical|typical\sof|(?:authors?|reports?|studies|surgeons|clinicians)\s(?:have|has)\s|until\snow|incidence|prevalence|rates?\sof|risk\sof|complications\s(?:of|include|related|associated|are|when)|as\sa\srule|in\sgeneral|tends?\sto|"
    r"patients\s(?:with|who|undergoing|treated|in|are|suffer)|respond\swell|arise|some\sprefer|if\s(?:a|an|the)\s|does\snot\s|do\snot\s)",
    re.IGNORECASE,
)
_COLLECTIVE = re.compile(
    r"\b(?:(?P<all>all|both|each|every)\s(?:of\s(?:the|our|these)\s)?(?:the\s|our\s|these\s)?(?P<n>two|three|four|five|six|seven|eight|nine|ten|\d{1,2})?\s?(?:patients|cases)|"
    r"(?P<n2>two|three|four|five|six|seven|eight|nine|ten|\d{1,2})\s(?:out\sof\s\d+\s)?(?:\w+\s){0,2}?(?:patients|cases)|(?:one|another)\s(?:of\s(?:the|our|them)\s)?patient\s(?:died|had|was)|these\spatients)\b",
    re.IGNORECASE,
)


_NUMBERS = dict(zip("two three four five six seven eight nine ten".split(), range(2, 11), strict=True))


def speaks_of_all(text: str, count: int) -> bool:
    """Whether it speaks of all `count` reported patients, by that number or by "all", and of no other number of them."""
    found = list(_COLLECTIVE.finditer(text))
    if not found or any(match["n"] is None and match["n2"] is None and not match["all"] for match in found):
        return False
    numbers = {_count(match) for match in found} - {None}
    numbers -= {number for number in numbers if number is not None and number > 20}
    return numbers == {count} or (not numbers and any(match["all"] for match in found))


def _count(match: re.Match[str]) -> int | None:
    words = (match["n"] or match["n2"] or "").lower()
    return int(words) if words.isdigit() else _NUMBERS.get(words)


def names_patient(text: str) -> bool:
    """Whether a pronoun or "the patient" points at somebody the report tells of."""
    return _PATIENT.search(text) is not None


_TOLD = re.compile(
    r"\b(?:the\s(?:\w+\s)?patient|she|he)\s(?:\w+ly\s|also\s|then\s)?(?:was|had|has|underwent|went|became|felt|did|could|came|took|died|got|lost|"
    r"began|left|rose|fell|woke|spent|\w{3,}ed)\b|\b(?:our|this)\spatient\b|\bpatient\s(?:underwent|presented|developed|complained)\b",
    re.IGNORECASE,
)


def tells_of_patient(text: str) -> bool:
    """Whether it tells in the past tense what happened to one patient, who need not have been introduced."""
    return (own_case(text) or _TOLD.search(text) is not None) and not of_others(text)


def own_case(text: str) -> bool:
    """Whether a sentence outside the case section says that it speaks of the reported case."""
    return _OWN.search(text) is not None


def of_others(text: str) -> bool:
    """Whether it tells what other authors saw."""
    return _OTHERS.search(text) is not None and not own_case(text)


def general(text: str) -> bool:
    """Whether it speaks of the procedure or of patients at large."""
    if own_case(text):
        return False
    if of_others(text):
        return True
    return _GENERAL.search(text) is not None and not names_patient(text)


def collective(text: str) -> bool:
    """Whether it speaks of several patients together."""
    return _COLLECTIVE.search(text) is not None
