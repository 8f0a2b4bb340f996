"""Shards to what became of their files, by any number of workers; a worker that dies takes no report with it.

Workers are an Executor: processes here, or those of a Dask cluster (`dask_cluster.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from fhir_service.workflows.map_shard import MappedFile, MappedShard, MapRun, ReportFile, map_shard
from fhir_service.workflows.worker_processes import begin_worker, clean_context

_AHEAD = 3
"""Shards for each worker that are handed out before they are needed."""
_DIED = "the process that read it died, twice; it may want more memory than there is"

Shard = Sequence[ReportFile]
_Waiting = dict[Future[MappedShard], Shard]


class OtherRelease(RuntimeError):
    """A worker runs another release than this process: its Bundles would not be those of this run."""


@dataclass
class Workers:
    """So many workers. `start` gives an Executor for them, again where `lost` says that one died."""

    start: Callable[[], Executor]
    count: int
    lost: tuple[type[BaseException], ...]


def local_processes(count: int) -> Workers:
    """Processes of this machine."""

    def start() -> Executor:
        return ProcessPoolExecutor(count, clean_context(), initializer=begin_worker)

    return Workers(start, count, (BrokenProcessPool,))


def run_shards(
    shards: Iterable[Shard], run: MapRun, workers: Workers, release: str
) -> Generator[MappedFile, None, None]:
    """What became of every file, in the order in which they are done. Who stops before the end closes the generator.

    Where a worker dies, the files it had are tried again one by one, so that the one it died of is found.
    """
    pool = _Pool(workers, run, release)
    try:
        for shard in shards:
            pool.hand_out(shard)
            while len(pool.waiting) >= workers.count * _AHEAD:
                yield from pool.next_done()
        while pool.waiting:
            yield from pool.next_done()
    finally:
        pool.stop(wait=True)


class _Pool:
    def __init__(self, workers: Workers, run: MapRun, release: str) -> None:
        self.workers = workers
        self.run = run
        self.release = release
        self.executor = workers.start()
        self.waiting: _Waiting = {}

    def hand_out(self, shard: Shard) -> None:
        try:
            self.waiting[self.executor.submit(map_shard, tuple(shard), self.run)] = shard
        except self.workers.lost as error:  # it died before this shard was its
            self.waiting[_failed(error)] = shard

    def next_done(self) -> Iterator[MappedFile]:
        done, _ = wait(self.waiting, return_when=FIRST_COMPLETED)
        suspects: list[ReportFile] = []
        yield from self._collect(done, suspects)
        if suspects:
            done, _ = wait(self.waiting)
            yield from self._collect(done, suspects)
            yield from self._one_by_one(suspects)

    def _collect(self, done: Iterable[Future[MappedShard]], suspects: list[ReportFile]) -> Iterator[MappedFile]:
        for future in done:
            shard = self.waiting.pop(future)
            try:
                yield from self._files(future)
            except self.workers.lost:
                suspects.extend(shard)

    def _one_by_one(self, files: Iterable[ReportFile]) -> Iterator[MappedFile]:
        self._restart()
        for file in files:
            try:
                yield from self._files(self.executor.submit(map_shard, (file,), self.run))
            except self.workers.lost:
                self._restart()
                yield MappedFile(file.name, error=_DIED)

    def _files(self, future: Future[MappedShard]) -> tuple[MappedFile, ...]:
        mapped = future.result()
        if mapped.release != self.release:
            raise OtherRelease(f"a worker runs release {mapped.release}, this is {self.release}")
        return mapped.files

    def _restart(self) -> None:
        self.stop(wait=False)
        self.executor = self.workers.start()

    def stop(self, *, wait: bool) -> None:
        """Begin nothing more, and let go of the workers."""
        for future in self.waiting:
            future.cancel()
        self.executor.shutdown(wait=wait)


def _failed(error: BaseException) -> Future[MappedShard]:
    future: Future[MappedShard] = Future()
    future.set_exception(error)
    return future
