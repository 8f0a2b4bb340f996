"""A transaction (all or nothing) or a batch (each for itself), from its bytes to what became of every entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Literal

from fhir_service.fhir.access import Access
from fhir_service.fhir.bundles import ResponseEntry
from fhir_service.fhir.errors import FhirError
from fhir_service.search.condition import Condition
from fhir_service.storage.repository import Create, Delete, Outcome, Repository, Update
from fhir_service.validation.resource_findings import refusal
from fhir_service.workflows.check_entries import refuse_missing_targets, refuse_unfit
from fhir_service.workflows.conditional import create_unless_found, delete_found, update_found
from fhir_service.workflows.entry_errors import naming_entry
from fhir_service.workflows.link_bundle import name_created, refuse_dead_ends, refuse_doubles
from fhir_service.workflows.patch_resource import patch_found_resource, patch_resource
from fhir_service.workflows.plan_bundle import BundlePlan, PlannedEntry, entry_patch, plan_bundle
from fhir_service.workflows.submission_bundle import CheckedBundle, SubmittedBundle
from fhir_service.workflows.submit_bundle import submitted
from fhir_service.workflows.submitted_entries import submitted_entries
from fhir_service.workflows.transact_bundle import transact_bundle
from fhir_service.workflows.write_checks import R4_ALONE, WriteChecks

Reader = Callable[[PlannedEntry], Awaitable[ResponseEntry]]
"""Answers a GET or HEAD entry; raises FhirError."""
Result = Outcome | ResponseEntry | SubmittedBundle | FhirError | None
"""None: a conditional delete found nothing."""


@dataclass(frozen=True, slots=True)
class ProcessedBundle:
    """`results` are those of the entries, in the order of the entries; `deletions` the places of those that delete."""

    type: Literal["transaction", "batch"]
    results: list[Result]
    deletions: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Server:
    """What a Bundle is sent to: the types it serves below `base`, how it reads searches and answers reads, what it
    holds submissions against, and how many entries it takes."""

    types: Collection[str]
    base: str
    condition: Condition
    read: Reader
    checks: WriteChecks = R4_ALONE
    most_entries: int = 10_000


async def process_bundle(repository: Repository, raw: bytes, server: Server, access: Access) -> ProcessedBundle:
    """Do what a Bundle asks for. A transaction raises what is wrong with any entry, and then has changed nothing."""
    plan, submissions = await server.checks.run(len(raw), lambda: _checked_plan(raw, server))
    await refuse_missing_targets(plan, server.checks, repository, access)
    if plan.type == "transaction" and plan.issues:
        raise refusal("the transaction is not valid", plan.all_issues())
    deletions = frozenset(n for n, entry in plan.entries.items() if entry.method == "DELETE")
    if plan.type == "transaction":
        results = await _transaction(repository, plan, server, access)
    else:
        refused = {n for n, one in submissions.items() if one.is_refused}
        results = [
            None if n in refused else await _batch_entry(repository, plan, n, server, access) for n in range(plan.size)
        ]
    for number, checked in submissions.items():
        outcome = results[number]
        if outcome is None or isinstance(outcome, Outcome):
            results[number] = await submitted(repository, checked, outcome, access)
    return ProcessedBundle(plan.type, results, deletions)


def _checked_plan(raw: bytes, server: Server) -> tuple[BundlePlan, dict[int, CheckedBundle]]:
    plan = plan_bundle(raw, server.types, server.base, server.condition, server.checks, most=server.most_entries)
    refuse_unfit(plan, server.checks)
    submissions = submitted_entries(plan, raw, server.checks)
    refuse_dead_ends(plan, server.types, searches=plan.type == "transaction")
    if plan.type == "transaction":
        name_created(plan)
        refuse_doubles(plan, {n: entry.target for n, entry in plan.entries.items() if not entry.condition})
        if plan.issues:
            raise refusal("the transaction is not valid", plan.all_issues())
    return plan, submissions


async def _transaction(repository: Repository, plan: BundlePlan, server: Server, access: Access) -> list[Result]:
    """Writes first, then reads. A read that cannot be answered has to fail the whole while nothing is written yet: it
    is tried before, unless it is of something that only the transaction writes."""
    reads = [(n, entry) for n, entry in plan.entries.items() if entry.is_read]
    written = {entry.target for entry in plan.entries.values() if not entry.is_read and entry.id}
    results: dict[int, Result] = {}
    for index, entry in reads:
        if entry.target not in written:
            with naming_entry(index):
                results[index] = await server.read(entry)
    if len(reads) < plan.size:
        results |= await transact_bundle(repository, plan, access, server.condition, server.checks)
        results |= {index: await _answered(server.read, entry) for index, entry in reads}
    return [results[index] for index in range(plan.size)]


async def _batch_entry(repository: Repository, plan: BundlePlan, index: int, server: Server, access: Access) -> Result:
    if index in plan.issues:
        return refusal("the entry is not valid", plan.issues[index])
    entry = plan.entries[index]
    if entry.is_read:
        return await _answered(server.read, entry)
    try:
        return await _written(repository, entry, access, server.checks)
    except FhirError as error:
        return error


async def _written(repository: Repository, entry: PlannedEntry, access: Access, checks: WriteChecks) -> Outcome | None:
    """One write for itself. Raises FhirError."""
    change: Create | Update | Delete
    match entry:
        case PlannedEntry(method="POST", condition=None):
            change = Create(entry.type, entry.text, value=entry.resource)
        case PlannedEntry(method="PUT", condition=None):
            change = Update(
                entry.type,
                entry.id,
                entry.text,
                entry.if_match,
                if_none_match=entry.if_none_match,
                value=entry.resource,
            )
        case PlannedEntry(method="DELETE", condition=None):
            change = Delete(entry.type, entry.id, entry.if_match)
        case PlannedEntry(method="PATCH"):
            return await _patched(repository, entry, access, checks)
        case _:
            return await _written_by_search(repository, entry, access)
    (outcome,) = await repository.commit([change], access)
    return outcome


async def _written_by_search(repository: Repository, entry: PlannedEntry, access: Access) -> Outcome | None:
    assert entry.condition is not None  # noqa: S101  # the caller looked
    if entry.method == "POST":
        return await create_unless_found(repository, entry.text, entry.condition, access)
    if entry.method == "DELETE":
        return await delete_found(repository, entry.condition, access, if_match=entry.if_match)
    return await update_found(
        repository,
        entry.text,
        entry.id,
        entry.condition,
        access,
        if_match=entry.if_match,
        if_none_match=entry.if_none_match,
    )


async def _patched(repository: Repository, entry: PlannedEntry, access: Access, checks: WriteChecks) -> Outcome:
    patch = entry_patch(entry)
    if entry.condition is not None:
        return await patch_found_resource(
            repository, entry.condition, patch, if_match=entry.if_match, access=access, checks=checks
        )
    return await patch_resource(
        repository, entry.type, entry.id, patch, if_match=entry.if_match, access=access, checks=checks
    )


async def _answered(read: Reader, entry: PlannedEntry) -> Result:
    try:
        return await read(entry)
    except FhirError as error:
        return error
