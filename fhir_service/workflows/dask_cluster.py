"""The workers of a Dask cluster, as an Executor. Each wants this release of fhir-service installed; files stay here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fhir_service.workflows.run_shards import Workers

_SECONDS_TO_CONNECT = 10
_RETRIES = 2
"""Of a shard whose task fails; a shard whose worker died is given to another one by the scheduler."""


class NoCluster(RuntimeError):
    """There is no such cluster, or none that can be used; the message says why."""


@contextmanager
def cluster_workers(address: str) -> Iterator[Workers]:
    """The workers of the cluster whose scheduler is at `address` (`tcp://host:8786`). Raises NoCluster."""
    try:
        from distributed import Client, KilledWorker  # noqa: PLC0415  # an extra, which few have installed
    except ImportError as error:
        raise NoCluster("a Dask cluster needs the extra `fhir-service[dask]`, which is not installed") from error
    try:
        connect: Any = Client  # which has no types
        client = connect(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise NoCluster(f"there is no Dask scheduler at {address}") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise NoCluster(f"the Dask cluster at {address} has no workers")
        yield Workers(lambda: client.get_executor(pure=False, retries=_RETRIES), threads, (KilledWorker,))
