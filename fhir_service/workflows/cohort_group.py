"""A Group by criteria: the profile bulk-cohort-group (Bulk Data Access 3.0.0), whose members are found by searches.

They are computed when the Group is exported, so it never says when they were refreshed. Members here are patients.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fhir_service.definitions.compartments import compartment
from fhir_service.fhir.errors import FhirError, Issue
from fhir_service.search.compartment import patient_scopes
from fhir_service.search.criteria import AllOf, AnyCriterion, AnyOf, PointedAtBy
from fhir_service.search.query import Query, parse_query
from fhir_service.search.query_text import read_pairs
from fhir_service.workflows.export_request import says_how

PROFILE = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/bulk-cohort-group"
FILTER = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter"
REFRESHED = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/members-refreshed"
LANGUAGE = "application/x-fhir-query"
_FILTER = re.compile(r"([A-Z][A-Za-z]+)\?(.+)", re.DOTALL)
_ENTITY = re.compile(r"(?:.*/)?(Patient|Group)/[A-Za-z0-9\-.]{1,64}(?:/_history/.*)?")


def is_cohort(group: Any) -> bool:
    """Whether a resource (plain values) is a Group, and meant to be one by criteria."""
    if not isinstance(group, dict) or group.get("resourceType") != "Group":
        return False
    return bool(_filters(group)) or PROFILE in _list(_object(group.get("meta")), "profile")


def cohort_filters(group: dict[str, Any]) -> tuple[str, ...]:
    """The searches of a stored one, each of them for all members."""
    return tuple(str(_object(one.get("valueExpression")).get("expression", "")) for one in _filters(group))


def cohort_criteria(search: str, base: str | None = None) -> AnyCriterion:
    """What a Patient has to meet whom one search finds, or in whose compartment it finds something.

    Raises FhirError where it is no search of patients or of what is in their compartments, or has a parameter that is
    not known here.
    """
    kind, query = _query(search, base)
    if kind == "Patient":
        return AllOf(query.criteria)
    return AnyOf(tuple(PointedAtBy(scope, kind, query.criteria) for scope in sorted(patient_scopes(kind))))


def searched_type(search: str) -> str:
    return search.partition("?")[0]


def cohort_issues(group: Any) -> list[Issue]:
    """What speaks against storing a Group by criteria; nothing of any other resource."""
    return list(_issues(group)) if is_cohort(group) else []


def _issues(group: dict[str, Any]) -> Iterator[Issue]:
    if not group.get("name"):
        yield _wrong("it has a name", "name")
    if group.get("type") != "person":
        yield _wrong("its type is person: cohorts of practitioners and devices are not done here", "type")
    if "characteristic" in group:
        yield _wrong("it has no characteristic, the filters say who is meant", "characteristic")
    if group.get("actual") is not bool(group.get("member")):
        yield _wrong("actual is true if and only if there are members", "actual")
    if any(one.get("url") == REFRESHED for one in _list(group, "extension")):
        text = "it has no members-refreshed, since its members are computed when it is exported"
        yield _wrong(text, f"extension.where(url = '{REFRESHED}')")
    for number, one in enumerate(_list(group, "member")):
        if not _ENTITY.fullmatch(str(_object(one.get("entity")).get("reference", ""))):
            yield _wrong("a member is given as a reference to a Patient or a Group", f"member[{number}].entity")
    if not _filters(group):
        yield _wrong("it has a member-filter", "modifierExtension")
    for number, one in enumerate(_list(group, "modifierExtension")):
        if one.get("url") == FILTER:
            yield from _filter_issues(_object(one.get("valueExpression")), f"modifierExtension[{number}]")


def _filter_issues(expression: dict[str, Any], place: str) -> Iterator[Issue]:
    if expression.get("language") != LANGUAGE:
        yield _wrong(f"a member-filter is in the language {LANGUAGE}", f"{place}.value.language")
        return
    try:
        cohort_criteria(str(expression.get("expression", "")))
    except FhirError as fault:
        yield _wrong(str(fault), f"{place}.value.expression")


def _query(search: str, base: str | None) -> tuple[str, Query]:
    matched = _FILTER.fullmatch(search)
    if matched is None:
        raise FhirError(f"'{search[:80]}' is no search such as Condition?code=x")
    kind, text = matched.groups()
    if kind != "Patient" and not (kind in compartment("Patient") and patient_scopes(kind)):
        raise FhirError(f"{kind[:80]} is neither Patient nor in the compartment of patients")
    if says_how(text):
        raise FhirError("a member-filter says who is meant, and not how matches come: no _sort, _include and so on")
    query = parse_query(kind, read_pairs(text), base=base)
    if query.ignored:
        raise FhirError(query.ignored[0].text)
    if not query.criteria:
        raise FhirError(f"'{search[:80]}' asks for nothing")
    return kind, query


def _filters(group: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in _list(group, "modifierExtension") if _object(one).get("url") == FILTER]


def _list(holder: dict[str, Any], name: str) -> list[Any]:
    found = holder.get(name)
    return [one for one in found if isinstance(one, dict | str)] if isinstance(found, list) else []


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _wrong(reason: str, place: str) -> Issue:
    return Issue("error", "invariant", f"of a Group by criteria: {reason}", (f"Group.{place}",), "group.cohort")
