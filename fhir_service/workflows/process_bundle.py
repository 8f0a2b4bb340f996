"""A transaction (all or nothing) or a batch (each for itself), from its bytes to what became of every entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from fhir_service.fhir.access import Access
from fhir_service.fhir.bundles import ResponseEntry
from fhir_service.fhir.errors import FhirError, Gone, MalformedContent, NotFound, PreconditionFailed
from fhir_service.storage.repository import Change, Create, Delete, Outcome, Repository, Update
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.link_bundle import link_bundle, refuse_links
from fhir_service.workflows.plan_bundle import BundlePlan, PlannedEntry, plan_bundle

Reader = Callable[[PlannedEntry], Awaitable[ResponseEntry]]
"""Answers a GET or HEAD entry; raises FhirError."""
Result = Outcome | ResponseEntry | FhirError

_ORDER = ("DELETE", "POST", "PUT")


@dataclass(frozen=True, slots=True)
class ProcessedBundle:
    """`results` are those of the entries, in the order of the entries."""

    type: Literal["transaction", "batch"]
    results: list[Result]


async def process_bundle(
    repository: Repository, raw: bytes, *, types: Collection[str], base: str, access: Access, read: Reader
) -> ProcessedBundle:
    """Do what a Bundle asks for. A transaction raises what is wrong with any entry, and then has changed nothing."""
    plan = await in_thread_if_large(len(raw), lambda: _linked_plan(raw, types, base))
    if plan.type == "transaction":
        return ProcessedBundle("transaction", await _transaction(repository, plan, access, read))
    return ProcessedBundle("batch", [await _batch_entry(repository, plan, n, access, read) for n in range(plan.size)])


def _linked_plan(raw: bytes, types: Collection[str], base: str) -> BundlePlan:
    plan = plan_bundle(raw, types, base)
    if plan.type == "batch":
        refuse_links(plan)
        return plan
    link_bundle(plan)
    if plan.issues:
        raise MalformedContent("the transaction is not valid", issues=plan.all_issues())
    return plan


async def _transaction(repository: Repository, plan: BundlePlan, access: Access, read: Reader) -> list[Result]:
    """Writes first, in FHIR's order of methods, then reads. A read that cannot be answered has to fail the whole while
    nothing is written yet: it is tried before, unless it is of something that only the transaction writes."""
    writes = [(n, entry) for method in _ORDER for n, entry in plan.entries.items() if entry.method == method]
    reads = [(n, entry) for n, entry in plan.entries.items() if entry.is_read]
    written = {entry.target for _, entry in writes}
    results: dict[int, Result] = {}
    for index, entry in reads:
        if entry.target not in written:
            with naming_entry(index):
                results[index] = await read(entry)
    if writes:
        outcomes = await _committed(repository, writes, access)
        results |= {index: outcome for (index, _), outcome in zip(writes, outcomes, strict=True)}
        results |= {index: await _answered(read, entry) for index, entry in reads}
    return [results[index] for index in range(plan.size)]


async def _committed(
    repository: Repository, writes: Sequence[tuple[int, PlannedEntry]], access: Access
) -> Sequence[Outcome]:
    try:
        return await repository.commit([_change(entry) for _, entry in writes], access)
    except PreconditionFailed:
        for index, entry in writes:
            if entry.if_match is not None and entry.if_match != await _version(repository, entry, access):
                with naming_entry(index):
                    raise
        raise


async def _version(repository: Repository, entry: PlannedEntry, access: Access) -> int | None:
    try:
        return (await repository.read(entry.type, entry.id, access)).version
    except (NotFound, Gone):
        return None


@contextmanager
def naming_entry(index: int) -> Iterator[None]:
    """An error raised within names the entry it is about."""
    try:
        yield
    except FhirError as error:
        where = f"Bundle.entry[{index}]"
        error.issues = tuple(replace(issue, expression=(where, *issue.expression)) for issue in error.issues)
        raise


async def _batch_entry(repository: Repository, plan: BundlePlan, index: int, access: Access, read: Reader) -> Result:
    if index in plan.issues:
        return MalformedContent("the entry is not valid", issues=plan.issues[index])
    entry = plan.entries[index]
    if entry.is_read:
        return await _answered(read, entry)
    try:
        (outcome,) = await repository.commit([_change(entry)], access)
    except FhirError as error:
        return error
    return outcome


async def _answered(read: Reader, entry: PlannedEntry) -> Result:
    try:
        return await read(entry)
    except FhirError as error:
        return error


def _change(entry: PlannedEntry) -> Change:
    match entry.method:
        case "DELETE":
            return Delete(entry.type, entry.id, entry.if_match)
        case "PUT":
            return Update(entry.type, entry.id, entry.text, entry.if_match)
    return Create(entry.type, entry.text, entry.id or None)
