"""A checked submission into the store, or what would be said of it."""

from __future__ import annotations

from fhir_service.fhir.access import Access
from fhir_service.storage.repository import Change, Outcome, Repository
from fhir_service.workflows.same_submission import same_submission_issues
from fhir_service.workflows.submission_bundle import CheckedBundle, SubmittedBundle, change_of


async def submit_bundle(
    repository: Repository, checked: CheckedBundle, text: bytes, access: Access, *, change: Change | None = None
) -> SubmittedBundle:
    """Store one, unless it is refused. Raises what the write does."""
    if checked.is_refused:
        return SubmittedBundle(checked)
    (outcome,) = await repository.commit([change or change_of(checked, text)], access)
    return await submitted(repository, checked, outcome, access)


async def submitted(
    repository: Repository, checked: CheckedBundle, outcome: Outcome | None, access: Access
) -> SubmittedBundle:
    """What became of one, with others of the same patient: of two that come at once, the later finds the earlier."""
    if checked.is_refused:
        return SubmittedBundle(checked, outcome)
    own_id = outcome.id if outcome is not None else checked.key
    alike = await same_submission_issues(repository, checked, access, own_id)
    return SubmittedBundle(checked, outcome, tuple(alike))
