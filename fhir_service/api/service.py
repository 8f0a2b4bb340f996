"""What all calls of a process share: its settings, its store, and what is kept between them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from fhir_service.api.auth.authority import Authority, authority_of
from fhir_service.api.auth.gate import Gate, OpenGate
from fhir_service.api.same_searches import SameSearches, Searched
from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.search.known_queries import KnownQueries
from fhir_service.settings import Settings
from fhir_service.storage.repository import Key, Repository
from fhir_service.terminology.terminologies import Terminologies, terminologies
from fhir_service.workflows.check_conformance import Conformance, conformance
from fhir_service.workflows.do_jobs import runner_of
from fhir_service.workflows.export_files import ExportFiles
from fhir_service.workflows.job_runner import JobRunner
from fhir_service.workflows.poll_pace import PollPace
from fhir_service.workflows.record_accesses import AccessBook
from fhir_service.workflows.record_refusals import RefusalBook
from fhir_service.workflows.stored_conformance import ConformanceCache
from fhir_service.workflows.stored_definitions import DefinitionCache
from fhir_service.workflows.stored_maps import MapCache
from fhir_service.workflows.work_queue import WorkQueue
from fhir_service.workflows.write_checks import WriteChecks

if TYPE_CHECKING:
    from fhir_service.api.interaction import Interaction

_MOST_BASES = 64


class Service:
    """What every call shares. The repository is there from start-up to shutdown."""

    def __init__(
        self,
        settings: Settings,
        interactions: tuple[Interaction, ...],
        repository: Repository | None = None,
        fixed: frozenset[Key] = frozenset(),
    ) -> None:
        self.settings = settings
        self.interactions = interactions
        self.types = frozenset(settings.resource_types)
        self.open_repository = repository
        self._authority: Authority | None = None
        self._accesses: AccessBook | None = None
        self._refusals: RefusalBook | None = None
        self._checks: dict[str, WriteChecks] = {}
        self.fixed = fixed
        """The definitions of the service itself that its store holds."""
        self.definition_cache = DefinitionCache()
        self.map_cache = MapCache()
        self.conformance_cache = ConformanceCache()
        self.transforms = WorkQueue("maps", settings.max_transforms, settings.max_transform_seconds)
        self.submissions = WorkQueue(
            "submissions",
            settings.max_submissions,
            settings.max_submission_wait,
            waiting=settings.max_waiting_submissions,
        )
        self.files = WorkQueue("files of submissions", settings.max_uploads, settings.max_submission_wait, waiting=0)
        self.polls = PollPace(settings.export_polls)
        self.queries = KnownQueries()
        self.searches: SameSearches[Searched] = SameSearches()

    @cached_property
    def export_files(self) -> ExportFiles:
        """Raises UnusableFiles."""
        return ExportFiles(self.settings.export_files)

    @cached_property
    def runner(self) -> JobRunner:
        """Does the jobs of the store in this process. Raises UnusableFiles."""
        return runner_of(self.repository, self.settings.job_settings, lambda: self.terminology)

    def see_to_jobs(self) -> None:
        """Something was begun: do it here, unless workers of their own do."""
        if self.settings.run_jobs:
            self.runner.look()

    async def end_jobs(self) -> None:
        if "runner" in self.__dict__:
            await self.runner.close()

    @property
    def gate(self) -> Gate:
        """Tells what a caller may do."""
        return OpenGate(self.fixed) if self.settings.access == "open" else self.authority.gate

    @property
    def authority(self) -> Authority:
        """Access control over the store that is open. Raises UnusableTokenKey."""
        clients = self.repository.clients
        if self._authority is None or self._authority.clients is not clients:
            self._authority = authority_of(self.settings, clients, self.fixed)
        return self._authority

    @property
    def repository(self) -> Repository:
        if self.open_repository is None:
            raise StoreUnavailable("the store is not open")
        return self.open_repository

    @property
    def accesses(self) -> AccessBook | None:
        """Where accesses to patient data are noted; None where they are not, by the settings."""
        if self._accesses is None and self.settings.audits and self.open_repository is not None:
            self._accesses = AccessBook(self.open_repository.accesses)
        return self._accesses

    @property
    def refusals(self) -> RefusalBook | None:
        """Where those are noted who were not let in."""
        if self._refusals is None and self.accesses is not None:
            self._refusals = RefusalBook(self.accesses.note)
        return self._refusals

    @cached_property
    def terminology(self) -> Terminologies:
        """Our own terminologies under the base of the settings, and HL7's; read when they are first asked for."""
        return terminologies(self.settings.base)

    @cached_property
    def checks(self) -> WriteChecks:
        """What the settings want to be looked at in a write."""
        settings = self.settings
        return WriteChecks(settings.layers, settings.missing_targets, conformance=lambda: self.conformance)

    def checks_under(self, base: str) -> WriteChecks:
        """The same for those who know this server by that address."""
        found = self._checks.get(base)
        if found is None:
            if len(self._checks) >= _MOST_BASES:  # whoever asks may choose it
                self._checks.clear()
            found = self._checks[base] = self.checks.under(base)
        return found

    @cached_property
    def conformance(self) -> Conformance:
        """Our own profiles under the base of the settings, and HL7's; read when they are first asked for."""
        return conformance(self.settings.base)
