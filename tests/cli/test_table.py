"""`fhir-service table`: the registry as CSV and Parquet, of the store and of Bundles."""

from __future__ import annotations

import csv

import pytest
from golden_cases import CASES
from sample_reports import KYPHOPLASTY

from fhir_service.mapping.map_report import encode_bundle


def rows(file) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_the_store_and_the_bundle_it_was_loaded_from_give_the_same_table(run, tmp_path) -> None:
    (tmp_path / "a.txt").write_text(KYPHOPLASTY)
    (tmp_path / "a.json").write_bytes(run("map", "a.txt").stdout)
    assert run("load", "a.txt").returncode == 0
    done = run("table", "store.csv")
    assert done.returncode == 0, done.stderr
    assert done.stderr == b"2 rows written to store.csv.\n"
    assert run("table", "bundles.csv", "--bundle", "a.json").returncode == 0
    assert rows(tmp_path / "store.csv") == rows(tmp_path / "bundles.csv") != []


def test_an_empty_store_gives_the_header_alone(run, tmp_path) -> None:
    done = run("table", "empty.csv")
    assert (done.returncode, done.stderr) == (0, b"0 rows written to empty.csv.\n")
    (header,) = (tmp_path / "empty.csv").read_text().splitlines()
    assert header.startswith("source_key,case_id,event_id,")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("out.xlsx",), b"out.xlsx: the name of a table ends in .csv or .parquet"),
        (("out.csv", "--bundle", "patient.json"), b"patient.json is no Bundle"),
        (("nowhere/out.csv", "--bundle", "bundle.json"), b"nowhere"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_leaves_no_file(run, tmp_path, arguments, said) -> None:
    (tmp_path / "patient.json").write_text('{"resourceType": "Patient"}')
    (tmp_path / "bundle.json").write_bytes(encode_bundle(CASES["no-augmentation"].mapped()))
    before = sorted(tmp_path.iterdir())
    done = run("table", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert sorted(tmp_path.iterdir()) == before
