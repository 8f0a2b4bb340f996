"""A transaction: all of its writes or none, in FHIR's order whatever the order of the entries (R4 http.html#trules).

Where no entry depends on what is stored, all is made ready before the writer is asked. Otherwise the entries that
depend on a search, and those with links to them, are made ready in the commit, when it is known what is found.
"""

from __future__ import annotations

from fhir_service.fhir.access import Access
from fhir_service.search.condition import Condition
from fhir_service.search.query import Query
from fhir_service.storage.repository import Delete, Repository
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.entry_errors import naming_change, naming_entry
from fhir_service.workflows.plan_bundle import BundlePlan, PlannedEntry
from fhir_service.workflows.ready_entries import ReadyEntries
from fhir_service.workflows.write_checks import R4_ALONE, WriteChecks
from fhir_service.workflows.write_entries import ORDER, EntryWrites, Outcomes


async def transact_bundle(
    repository: Repository, plan: BundlePlan, access: Access, condition: Condition, checks: WriteChecks = R4_ALONE
) -> Outcomes:
    """Write what the entries of a transaction ask for, those that only read aside. `condition` reads the searches that
    stand in references. Raises FhirError, which names its entry, and then nothing was changed."""
    writes = {index: entry for index, entry in plan.entries.items() if not entry.is_read}
    if not writes:
        return {}
    ready = await in_thread_if_large(sum(len(entry.text) for entry in writes.values()), lambda: ReadyEntries.of(writes))
    searches = {reference: _search(reference, index, condition) for reference, index in ready.references.items()}
    deletes = [n for n, entry in writes.items() if entry.method == "DELETE"]
    order = [n for method in ORDER for n, entry in writes.items() if entry.method == method]
    if not ready.open and not any(entry.condition for entry in writes.values()):
        changes = [*(_deletion(writes[n]) for n in deletes), *(ready.changes[n] for n in order)]
        with naming_change([*deletes, *order]):
            outcomes = await repository.commit(changes, access)
        return dict(zip((*deletes, *order), outcomes, strict=True))
    closed = [n for n in order if n in ready.changes]
    with naming_change(closed):
        prepared = await repository.prepare([ready.changes[n] for n in closed], access)
    done = dict(zip(closed, prepared, strict=True))
    return await repository.transact(
        lambda transaction: EntryWrites(plan, writes, done, searches, transaction, checks=checks).run(), access
    )


def _deletion(entry: PlannedEntry) -> Delete:
    return Delete(entry.type, entry.id, entry.if_match)


def _search(reference: str, index: int, condition: Condition) -> Query:
    with naming_entry(index):
        return condition(*reference.split("?", 1))
