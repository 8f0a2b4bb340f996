"""Patients of other reports who may be the same: of the same sex and age, operated on at the same vertebrae, with the
same complications. Two publications may tell of one patient, and who counts cases has to know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import Issue
from fhir_service.mapping.identity import resource_id
from fhir_service.reports.case_report import Case, CaseReport
from fhir_service.search.query import Pair, parse_query
from fhir_service.search.query_text import escaped
from fhir_service.storage.repository import Key, Repository

_MOST = 5
"""Patients that one warning names."""
_Resources = Mapping[Key, Mapping[str, Any]]


async def same_patient_issues(
    repository: Repository,
    facts: CaseReport,
    source_key: str,
    resources: _Resources,
    access: Access,
    *,
    own: Collection[Key],
    root: str,
) -> list[Issue]:
    """A warning for each case whose patient is like patients of other reports. `resources` are those that the facts
    make, `own` those that the same source made before.

    Nobody is compared of whom sex, age, operated vertebrae or complications are not told.
    """
    found = []
    for number, case in enumerate(facts.case):
        pairs = likeness(case, source_key, resources)
        if not pairs:
            continue
        query = parse_query("Patient", pairs, base="", default_count=_MOST + 1)
        page = await repository.search(query, access)
        keys = [("Patient", one.id) for one in page.matches]
        others = ["/".join(key) for key in keys if key not in resources and key not in own][:_MOST]
        if others:
            place = f"{root}.case[{number}]" if root == "CaseReport" else root
            text = (
                f"patient {case.number} has the sex, age, operated vertebrae and complications of {', '.join(others)}, "
                "whom another report tells of: if that is one person, submit one of the reports only"
            )
            found.append(Issue("warning", "duplicate", text, (place,), "submission.same-patient"))
    return found


def likeness(case: Case, source_key: str, resources: _Resources) -> list[Pair]:
    """The search for patients like that of a case; nothing where too little is told."""

    def made(resource_type: str, ids: Iterable[str]) -> list[Mapping[str, Any]]:
        keys = [(resource_type, resource_id(source_key, role)) for role in ids]
        return [resources[key] for key in keys if key in resources]

    sex = [patient["gender"] for patient in made("Patient", [case.id]) if "gender" in patient]
    ages = [amount for age in made("Observation", [case.age.id] if case.age else []) for amount in _amount(age)]
    operations = made("Procedure", [fact.id for fact in case.procedure])
    levels = {code for operation in operations for site in operation.get("bodySite", ()) for code in _code(site)}
    harms = {code for event in made("AdverseEvent", [fact.id for fact in case.complication]) for code in _event(event)}
    if not (sex and ages and levels and harms):
        return []
    return [
        ("gender", sex[0]),
        ("_has:Observation:subject:code-value-quantity", ages[0]),
        *(("_has:Procedure:subject:level", level) for level in sorted(levels)),
        *(("_has:AdverseEvent:subject:event", harm) for harm in sorted(harms)),
    ]


def _amount(observation: Mapping[str, Any]) -> Iterator[str]:
    quantity = observation.get("valueQuantity", {})
    if "value" in quantity and "comparator" not in quantity:
        unit = "|".join(("", escaped(quantity.get("system", "")), escaped(quantity.get("code", ""))))
        for code in _code(observation["code"]):
            yield f"{code}${quantity['value']}{unit}"


def _event(event: Mapping[str, Any]) -> Iterator[str]:
    yield from _code(event.get("event", {}))


def _code(concept: Mapping[str, Any]) -> Iterator[str]:
    """The last of the codes of a concept: ours, where there is one."""
    for coding in concept.get("coding", ())[-1:]:
        yield f"{escaped(coding.get('system', ''))}|{escaped(coding['code'])}"
