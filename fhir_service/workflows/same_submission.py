"""Submitted Bundles about the same patient: sent under two names a case would count twice."""

from __future__ import annotations

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import Issue
from fhir_service.search.query import parse_query
from fhir_service.search.query_text import escaped
from fhir_service.storage.repository import Repository
from fhir_service.workflows.submission_bundle import CheckedBundle, is_submission_text

_MOST = 5
"""Bundles that a warning names."""
_PLACE = "Bundle.entry[1].resource.identifier"


async def same_submission_issues(
    repository: Repository, checked: CheckedBundle, access: Access, own_id: str
) -> list[Issue]:
    """A warning where stored submissions other than `own_id` name the patient by one of the identifiers."""
    if not checked.patient:
        return []
    wanted = ",".join(f"{escaped(system)}|{escaped(value)}" for system, value in checked.patient)
    query = parse_query("Bundle", [("patient-identifier", wanted)], base="", default_count=_MOST + 1)
    page = await repository.search(query, access)
    alike = [one for one in page.matches if one.id != own_id and is_submission_text(one.text)]
    others = [f"Bundle/{one.id}" for one in alike][:_MOST]
    if not others:
        return []
    text = (
        f"its patient is the patient of {', '.join(others)} too: if both tell of one case, send it under the "
        "identifier or id of that one, and have this one deleted"
    )
    return [Issue("warning", "duplicate", text, (_PLACE,), "submission.same-patient")]
