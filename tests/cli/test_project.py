"""`fhir-service project`: adverse events in the form of clinical research, of a file or of the store."""

from __future__ import annotations

import json
from pathlib import Path

from research_events import event

ROOT = Path(__file__).parents[2]


def test_the_events_of_a_file_are_printed_and_counted(run, tmp_path) -> None:
    (tmp_path / "event.json").write_text(json.dumps(event()))
    done = run("project", "event.json")
    assert (done.returncode, done.stderr.decode().strip()) == (0, "1 adverse event projected.")
    (entry,) = json.loads(done.stdout)["entry"]
    assert entry["resource"]["study"]


def test_every_event_of_the_store_is_projected_or_told(run) -> None:
    assert run("load", ROOT / "seeds").returncode == 0
    done = run("project", "--store")
    assert done.returncode == 0, done.stderr
    assert "ae-research.seriousness" in done.stderr.decode()
    resources = [entry["resource"] for line in done.stdout.splitlines() for entry in json.loads(line)["entry"]]
    assert "OperationOutcome" in {resource["resourceType"] for resource in resources}


def test_what_cannot_be_projected_is_one_sentence(run, tmp_path) -> None:
    (tmp_path / "wrong.json").write_text('{"resourceType": "AdverseEvent"}')
    for arguments in (["wrong.json"], ["missing.json"], []):
        done = run("project", *arguments)
        assert done.returncode == 2
        assert len(done.stderr.decode().strip().splitlines()) == 1
        assert done.stdout == b""
