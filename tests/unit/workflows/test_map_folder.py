"""A folder of reports becomes a folder of Bundles, whatever happens on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from sample_reports import KNEE, KYPHOPLASTY, VERTEBROPLASTY

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.mapping.map_report import encode_bundle
from fhir_service.reports.report import Report, Source
from fhir_service.workflows import map_folder as module
from fhir_service.workflows import map_shard as shard_module
from fhir_service.workflows.map_folder import FolderRun, Folders, map_folder
from fhir_service.workflows.map_ledger import LEDGER
from fhir_service.workflows.map_report import map_report
from fhir_service.workflows.map_shard import MappedShard, MapRun, ReportFile, map_shard, release
from fhir_service.workflows.read_report_file import report_files
from fhir_service.workflows.run_shards import OtherRelease, Workers, run_shards

INSTANT = "2026-01-31T12:00:00Z"
LATER = "2026-02-01T12:00:00Z"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.txt").write_text(KYPHOPLASTY)
    (folder / "b.txt").write_text(VERTEBROPLASTY)
    (folder / "deep" / "er" / "report.txt").write_text(KNEE)
    (folder / "deep" / "er" / "source.json").write_text('{"doi": "10.1000/7"}')
    return folder


def run(
    reports: Path,
    out: Path,
    *,
    instant: str = INSTANT,
    workers: Workers | None = None,
    go_on: bool = True,
    tell: Callable[[], None] = lambda: None,
) -> FolderRun:
    done = FolderRun()
    folders = Folders(reports, out, tuple(report_files([reports])))
    map_folder(folders, MapRun(instant, DEFAULT_BASE), workers, done, max_bytes=100_000, tell=tell, go_on=go_on)
    return done


def made(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def refuse_to_map(*_: Any) -> MappedShard:
    raise AssertionError("a report was read again")


def test_every_report_below_the_folder_becomes_the_bundle_that_it_makes_alone(reports: Path, tmp_path: Path) -> None:
    done = run(reports, tmp_path / "out")
    assert (done.mapped, done.unchanged, done.patients, done.failed) == (3, 0, 2, {})
    assert set(made(tmp_path / "out")) == {"a.txt.json", "b.txt.json", "deep/er/report.txt.json", LEDGER}
    report = Report(text=KNEE, source=Source(doi="10.1000/7"))
    alone = encode_bundle(map_report(report, recorded=INSTANT, base=DEFAULT_BASE).bundle)
    assert made(tmp_path / "out")["deep/er/report.txt.json"] == alone + b"\n"
    assert sum("vertebral augmentation" in note for note in done.notes) == 1


def test_a_second_run_reads_nothing_and_a_changed_text_is_read_alone(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(reports, tmp_path / "out")
    before = made(tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(module, "map_shard", refuse_to_map)
        again = run(reports, tmp_path / "out", instant=LATER)
    assert (again.mapped, again.unchanged, again.patients) == (0, 3, 2)
    (reports / "a.txt").write_text(KYPHOPLASTY.replace("71", "72"))
    changed = run(reports, tmp_path / "out", instant=LATER)
    assert (changed.mapped, changed.unchanged) == (1, 2)
    after = made(tmp_path / "out")
    assert {name for name in before if before[name] != after[name]} == {"a.txt.json", LEDGER}
    assert LATER.encode() in after["a.txt.json"]


def test_another_citation_release_or_base_and_a_bundle_that_is_damaged_are_read_again(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(reports, tmp_path / "out")
    (reports / "deep" / "er" / "source.json").write_text('{"doi": "10.1000/8"}')
    assert run(reports, tmp_path / "out").mapped == 1
    (tmp_path / "out" / "b.txt.json").write_text("{")
    assert run(reports, tmp_path / "out").mapped == 1
    monkeypatch.setattr(module, "release", lambda: "9.9.9")
    assert run(reports, tmp_path / "out").mapped == 3


def test_a_run_cut_off_goes_on_and_ends_with_the_same_files(reports: Path, tmp_path: Path) -> None:
    run(reports, tmp_path / "whole")
    told = []

    def stop_at_the_second() -> None:
        told.append(1)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(reports, tmp_path / "out", tell=stop_at_the_second)
    with (tmp_path / "out" / LEDGER).open("ab") as ledger:
        ledger.write(b'{"line":"report","file":"deep/er/rep')  # what a power cut leaves
    (tmp_path / "out" / "b.txt.json.part").write_bytes(b"half")
    rest = run(reports, tmp_path / "out", instant=LATER)
    assert (rest.mapped, rest.unchanged) == (1, 2)
    (tmp_path / "out" / "b.txt.json.part").unlink()
    assert made(tmp_path / "out") == made(tmp_path / "whole")


def test_a_new_instant_is_that_of_a_run_that_was_asked_for_it(reports: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LEDGER).write_text(f'{{"line":"run","recorded":"{INSTANT}"}}\n')
    run(reports, tmp_path / "out", instant=LATER, go_on=False)
    assert LATER.encode() in made(tmp_path / "out")["a.txt.json"]


def test_one_that_fails_is_told_and_stops_no_other(
    reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reports / "binary.txt").write_bytes(bytes(range(256)))
    (reports / "large.txt").write_bytes(b"x" * 100_001)
    (reports / "deep" / "report.txt").write_text("A report.")
    (reports / "deep" / "source.json").write_text("{")
    (reports / "fault.txt").write_text("A fault of ours")

    def faulty(report: Report, **named: Any) -> Any:
        if report.text == "A fault of ours":
            raise RecursionError
        return map_report(report, **named)

    monkeypatch.setattr(shard_module, "map_report", faulty)
    done = run(reports, tmp_path / "out")
    assert done.mapped == 3
    assert {name: reason.split()[-1] for name, reason in done.failed.items()} == {
        "binary.txt": "text",
        "large.txt": "bytes",
        "deep/report.txt": done.failed["deep/report.txt"].split()[-1],
        "fault.txt": "details",
    }
    assert "source.json" in done.failed["deep/report.txt"]
    assert not (tmp_path / "out" / "fault.txt.json").exists()
    monkeypatch.undo()
    assert run(reports, tmp_path / "out").failed.keys() == done.failed.keys() - {"fault.txt"}


def test_a_text_that_cannot_be_read_any_more_leaves_no_bundle_of_the_earlier_one(reports: Path, tmp_path: Path) -> None:
    run(reports, tmp_path / "out")
    (reports / "a.txt").write_bytes(b"")
    assert list(run(reports, tmp_path / "out").failed) == ["a.txt"]
    assert not (tmp_path / "out" / "a.txt.json").exists()


def test_a_source_has_one_bundle_and_the_second_file_of_it_is_told(reports: Path, tmp_path: Path) -> None:
    (reports / "deep" / "a.txt").write_text(KYPHOPLASTY)
    for _ in range(2):
        done = run(reports, tmp_path / "out")
        assert list(done.failed) == ["deep/a.txt"]
        assert done.failed["deep/a.txt"].endswith("is that of a.txt")
        assert done.patients == 2
        assert not (tmp_path / "out" / "deep" / "a.txt.json").exists()


def test_reports_that_are_gone_are_told_and_leave_the_list(reports: Path, tmp_path: Path) -> None:
    run(reports, tmp_path / "out")
    (reports / "b.txt").unlink()
    assert run(reports, tmp_path / "out").gone == ["b.txt"]
    lines = [json.loads(line) for line in (tmp_path / "out" / LEDGER).read_bytes().splitlines()]
    assert [line["file"] for line in lines[1:]] == ["a.txt", "deep/er/report.txt"]


def test_two_runs_do_not_write_into_one_folder(reports: Path, tmp_path: Path) -> None:
    def again() -> None:
        with pytest.raises(BlockingIOError):
            run(reports, tmp_path / "out")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(reports, tmp_path / "out", tell=again)


class Mortal(Executor):
    """An executor whose worker dies of one report, and takes with it what else is waiting."""

    def __init__(self, poison: str) -> None:
        self.poison = poison
        self.waiting: list[tuple[Future[MappedShard], Any]] = []
        self.dead = False

    def submit(self, function: Any, /, *arguments: Any, **_: Any) -> Future[Any]:
        if self.dead:
            raise BrokenProcessPool
        future: Future[Any] = Future()
        names = [file.name for file in arguments[0]]
        self.waiting.append((future, arguments))
        if self.poison in names:
            self.dead = True
            for waiting, _ in self.waiting:
                waiting.set_exception(BrokenProcessPool())
        elif len(names) == 1 or len(self.waiting) == 3:
            for waiting, given in self.waiting:
                waiting.set_result(function(*given))
            self.waiting.clear()
        return future


def test_a_worker_that_dies_costs_only_the_report_it_died_of(reports: Path, tmp_path: Path) -> None:
    started: list[Mortal] = []

    def start() -> Mortal:
        started.append(Mortal("b.txt"))
        return started[-1]

    files = [ReportFile(name, b"A report about knees.") for name in ("a.txt", "b.txt", "c.txt", "d.txt", "e.txt")]
    shards = [files[:1], files[1:3], files[3:]]
    done = list(run_shards(shards, MapRun(INSTANT, DEFAULT_BASE), Workers(start, 1, (BrokenProcessPool,)), release()))
    assert {mapped.name: bool(mapped.bundle) for mapped in done} == {
        "a.txt": True,
        "b.txt": False,
        "c.txt": True,
        "d.txt": True,
        "e.txt": True,
    }
    assert len(started) == 3
    assert "died" in next(mapped.error for mapped in done if mapped.name == "b.txt")


def test_a_worker_of_another_release_is_refused() -> None:
    workers = Workers(lambda: Mortal(""), 1, (BrokenProcessPool,))
    shards = [[ReportFile("a.txt", b"A report about knees.")]]
    with pytest.raises(OtherRelease, match=r"9\.9\.9"):
        list(run_shards(shards, MapRun(INSTANT, DEFAULT_BASE), workers, "9.9.9"))


def test_a_shard_gives_the_same_bytes_every_time() -> None:
    files = (ReportFile("a.txt", KYPHOPLASTY.encode(), b'{"pmid": "7"}'), ReportFile("b.txt", b"\x00"))
    once, again = (map_shard(files, MapRun(INSTANT, DEFAULT_BASE)) for _ in range(2))
    assert once == again
    assert [bool(mapped.error) for mapped in once.files] == [False, True]
