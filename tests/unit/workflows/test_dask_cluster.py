"""The workers of a Dask cluster do what processes of this machine do."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from distributed import LocalCluster
from sample_reports import KYPHOPLASTY

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.workflows import dask_cluster
from fhir_service.workflows.dask_cluster import NoCluster, cluster_workers
from fhir_service.workflows.map_folder import FolderRun, Folders, map_folder
from fhir_service.workflows.map_shard import MapRun
from fhir_service.workflows.run_shards import Workers

RUN = MapRun("2026-01-31T12:00:00Z", DEFAULT_BASE)


def write_reports(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:03}.txt").write_text(f"Report {number}.\n\n{KYPHOPLASTY}")
    return folder


def mapped(reports: Path, out: Path, workers: Workers | None, tell: Callable[[], None] = lambda: None) -> FolderRun:
    done = FolderRun()
    folders = Folders(reports, out, tuple(sorted(reports.iterdir())))
    map_folder(folders, RUN, workers, done, max_bytes=100_000, tell=tell)
    return done


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_workers_make_the_same_files_also_where_one_leaves_half_way(tmp_path: Path) -> None:
    reports = write_reports(tmp_path / "reports", 24)
    mapped(reports, tmp_path / "here", None)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        told: list[int] = []

        def leave_half_way() -> None:
            told.append(1)
            if len(told) == 8:
                cluster.scale(1)

        with cluster_workers(cluster.scheduler_address) as workers:
            assert workers.count == 2
            done = mapped(reports, tmp_path / "there", workers, leave_half_way)
    assert (done.mapped, done.failed) == (24, {})
    assert files_in(tmp_path / "there") == files_in(tmp_path / "here")


@pytest.mark.long
def test_a_worker_that_is_killed_half_way_costs_no_report(tmp_path: Path) -> None:
    reports = write_reports(tmp_path / "reports", 120)
    mapped(reports, tmp_path / "here", None)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        told: list[int] = []

        def kill_half_way() -> None:
            told.append(1)
            if len(told) == 40:
                os.kill(cluster.workers[0].pid, signal.SIGKILL)

        with cluster_workers(cluster.scheduler_address) as workers:
            done = mapped(reports, tmp_path / "there", workers, kill_half_way)
    assert (done.mapped, done.failed) == (120, {})
    assert files_in(tmp_path / "there") == files_in(tmp_path / "here")


def test_an_address_without_a_scheduler_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "_SECONDS_TO_CONNECT", 0.2)
    for address in ("tcp://127.0.0.1:9", "nonsense:"):
        with pytest.raises(NoCluster, match="no Dask scheduler"), cluster_workers(address):
            pass


def test_a_cluster_without_workers_is_told() -> None:
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        pytest.raises(NoCluster, match="no workers"),
        cluster_workers(cluster.scheduler_address),
    ):
        pass
