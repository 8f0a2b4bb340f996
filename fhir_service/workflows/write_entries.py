"""The writes of a transaction that depend on what is stored: found, linked and written in one commit of the store.

Deletions come first, then creates, updates and patches, whatever the order of the entries (R4 http.html#trules).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhir_service.fhir.errors import FhirError, MalformedContent, MultipleMatches, NotFound, PreconditionFailed
from fhir_service.fhir.json_text import encode, parse
from fhir_service.fhir.new_id import new_id
from fhir_service.search.affected import is_affected
from fhir_service.search.query import Query
from fhir_service.storage.repository import (
    Change,
    Create,
    Delete,
    Outcome,
    Prepared,
    Stored,
    Transaction,
    Update,
)
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.conditional import the_match, unchanged, updated_key
from fhir_service.workflows.entry_errors import naming_change, naming_entry
from fhir_service.workflows.link_bundle import Linker, references_of, refuse_doubles
from fhir_service.workflows.patch_resource import patched, to_patch
from fhir_service.workflows.plan_bundle import BundlePlan, PlannedEntry, entry_patch
from fhir_service.workflows.ready_entries import change_of
from fhir_service.workflows.write_checks import WriteChecks

ORDER = ("POST", "PUT", "PATCH")
"""In which what is not a deletion is written."""
Outcomes = dict[int, Outcome | None]
"""By entry; None where a conditional delete found nothing."""


class EntryWrites:
    """One try to do all writes in a transaction of the store."""

    def __init__(
        self,
        plan: BundlePlan,
        writes: dict[int, PlannedEntry],
        ready: dict[int, Prepared],
        searches: dict[str, Query],
        transaction: Transaction,
        *,
        checks: WriteChecks,
    ) -> None:
        self._plan = plan
        self._writes = writes
        self._ready = ready
        self._searches = searches
        self._transaction = transaction
        self._checks = checks
        self._found: dict[int, Stored | None] = {}
        self._ids: dict[int, str] = {}
        """By entry the id that it writes; empty where the store chooses one."""
        self._outcomes: Outcomes = {}

    async def run(self) -> Outcomes:
        await self._identify("PUT", "PATCH")  # before anything goes, to see who would change what is deleted
        await self._delete()
        await self._identify("POST")
        self._refuse_doubles()
        written_types = {entry.type for entry in self._writes.values()}
        early = [name for name, query in self._searches.items() if not is_affected(query, written_types)]
        linker = Linker(self._targets(), await self._resolved(early))
        texts = await self._write(linker)
        if late := [name for name in self._searches if name not in early]:
            await self._link_late(late, texts)
        await self._refuse_new_matches()
        return self._outcomes

    def _of(self, *methods: str) -> list[tuple[int, PlannedEntry]]:
        return [(n, entry) for method in methods for n, entry in self._writes.items() if entry.method == method]

    async def _delete(self) -> None:
        numbers, changes = [], []
        for index, entry in self._of("DELETE"):
            with naming_entry(index):
                found = await the_match(self._transaction, entry.condition) if entry.condition else None
                if entry.condition and found is None and entry.if_match is not None:
                    raise PreconditionFailed(f"no resource matches, so none is version {entry.if_match}")
            if entry.condition and found is None:
                self._outcomes[index] = None
                continue
            self._ids[index] = found.id if found else entry.id
            numbers.append(index)
            changes.append(Delete(entry.type, self._ids[index], entry.if_match))
        await self._commit(numbers, changes)

    async def _identify(self, *methods: str) -> None:
        """What the entries of these methods write, by their searches where they have one."""
        for index, entry in self._of(*methods):
            with naming_entry(index):
                await self._identify_entry(index, entry)

    async def _identify_entry(self, index: int, entry: PlannedEntry) -> None:
        found = await the_match(self._transaction, entry.condition) if entry.condition else None
        self._found[index] = found
        self._ids[index] = entry.id
        if not entry.condition:
            return
        if entry.method == "PUT":
            self._ids[index] = await updated_key(self._transaction, entry.type, entry.id, found)
            if found is None and entry.if_match is not None:
                raise PreconditionFailed(f"no resource matches, so none is version {entry.if_match}")
            if not self._ids[index]:
                self._ids[index] = new_id()
        elif found is not None:
            self._ids[index] = found.id
        elif entry.method == "PATCH":
            raise NotFound(f"no {entry.type} matches the search; nothing was changed")

    def _refuse_doubles(self) -> None:
        """Also of what the searches found. A create that finds its resource writes nothing: it may be found twice."""
        found_only = {n for n, entry in self._of("POST") if self._found[n]}
        targets = {n: f"{self._writes[n].type}/{key}" for n, key in self._ids.items() if n not in found_only}
        refuse_doubles(self._plan, targets)
        if self._plan.issues:
            raise MalformedContent("the transaction is not valid", issues=self._plan.all_issues())

    def _targets(self) -> dict[str, str]:
        return {entry.full_url: f"{entry.type}/{self._ids[n]}" for n, entry in self._of(*ORDER) if entry.full_url}

    async def _resolved(self, references: Sequence[str]) -> dict[str, str]:
        return {name: await self._target(name) for name in references}

    async def _target(self, reference: str) -> str:
        found = await self._transaction.find(self._searches[reference], 2)
        if len(found) == 1:
            return f"{found[0].type}/{found[0].id}"
        index = next(n for n, entry in self._writes.items() if reference in references_of(entry))
        many = "several resources" if found else "nothing"
        error: type[FhirError] = MultipleMatches if found else PreconditionFailed
        with naming_entry(index):
            raise error(f"the reference '{reference[:120]}' finds {many}; it has to find exactly one")

    async def _write(self, linker: Linker) -> dict[int, bytes]:
        """Write creates, updates and patches; returns the texts of those that were not ready before."""
        entries = [(n, entry) for n, entry in self._of(*ORDER) if not (entry.method == "POST" and self._found[n])]
        waiting = [(n, replace(entry, id=self._ids[n])) for n, entry in entries if n not in self._ready]
        size = sum(len(entry.text) for _, entry in waiting)
        linked = await in_thread_if_large(size, lambda: {n: linker.linked(entry) for n, entry in waiting})
        changes: list[Change | Prepared] = []
        texts = {}
        for index, _ in entries:
            if index in self._ready:
                changes.append(self._ready[index])
                continue
            with naming_entry(index):
                change = await self._made(linked[index])
            texts[index] = change.text
            changes.append(change)
        await self._commit([n for n, _ in entries], changes)
        for index, _ in self._of("POST"):
            if (found := self._found[index]) is not None:
                self._outcomes[index] = unchanged(found)
        return texts

    async def _made(self, entry: PlannedEntry) -> Create | Update:
        if entry.method != "PATCH":
            return change_of(entry)
        current = await to_patch(self._transaction, entry.type, entry.id)
        patch = entry_patch(entry)
        text = await self._checks.run(len(current.text), lambda: patched(current.text, patch, self._checks))
        return Update(entry.type, entry.id, text, entry.if_match)

    async def _link_late(self, references: Sequence[str], texts: dict[int, bytes]) -> None:
        """Searches that may find what this transaction writes come after it (rest-rules TX-2)."""
        linker = Linker({}, await self._resolved(references))
        changes = []
        for index, text in texts.items():
            value = parse(text)
            linked = linker.value(value)
            if linked != value:
                changes.append(Update(self._writes[index].type, self._ids[index], encode(linked)))
        await self._transaction.rewrite(changes)

    async def _refuse_new_matches(self) -> None:
        """The search of an entry may not find what another one has written (rest-rules TX-3)."""
        written: dict[str, list[int]] = {}
        for index, entry in self._of(*ORDER):
            if not (entry.method == "POST" and self._found[index]):
                written.setdefault(entry.type, []).append(index)
        for kind, indexes in written.items():
            others = {self._ids[n]: n for n in indexes}
            for index in indexes if len(indexes) > 1 else ():
                if (condition := self._writes[index].condition) is None:
                    continue
                for one in await self._transaction.find(condition, 2):
                    if others.get(one.id, index) != index:
                        text = f"the search finds what entry {others[one.id]} writes too, {kind}/{one.id}"
                        with naming_entry(index):
                            raise MultipleMatches(text)

    async def _commit(self, numbers: Sequence[int], changes: Sequence[Change | Prepared]) -> None:
        with naming_change(numbers):
            outcomes = await self._transaction.write(changes)
        self._outcomes.update(zip(numbers, outcomes, strict=True))
