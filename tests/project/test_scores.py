"""How much of the annotated reports is read, and how much of what is read is so: the floors of the first version.

The annotations and the scorer lie in `../shared`; where they are missing these tests are skipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fhir_service.mapping.map_report import encode_bundle
from fhir_service.reports.report import Report, Source
from fhir_service.workflows.map_report import map_report
from fhir_service.workflows.read_report_file import read_report_file

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
BASE = "https://vertebral-augmentation.example.org/fhir"
RECORDED = "2026-01-31T12:00:00Z"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared with annotations and scorer is not here")


def annotations(folder: str) -> dict[str, dict[str, Any]]:
    return {
        path.stem: json.loads(path.read_text("utf-8")) for path in sorted((SHARED / "gold" / folder).glob("*.json"))
    }


def originals() -> dict[str, Report]:
    gold = annotations("seeds")
    return {
        stem: Report(text=(SHARED / "seeds" / case["text"]).read_bytes().decode(), source=Source(name=stem))
        for stem, case in gold.items()
    }


def retellings() -> dict[str, Report]:
    files = sorted((ROOT / "seeds").glob("*/report.txt"))
    return {path.parent.name[:3]: read_report_file(path, max_bytes=1_000_000) for path in files}


def developed_on() -> dict[str, Report]:
    texts = sorted((SHARED / "dev-reports" / "texts").glob("*.txt"))
    return {path.stem: Report(text=path.read_bytes().decode(), source=Source(name=path.stem)) for path in texts}


def score(reports: Mapping[str, Report], gold: Path, work: Path, *, anchors: bool = True) -> dict[str, Any]:
    for folder in ("texts", "bundles", "gold"):
        (work / folder).mkdir()
    for stem, report in reports.items():
        case = json.loads((gold / f"{stem}.json").read_text("utf-8")) | {"text": f"{stem}.txt"}
        if not anchors:
            case.pop("anchors", None)
        (work / "gold" / f"{stem}.json").write_text(json.dumps(case), "utf-8")
        (work / "texts" / f"{stem}.txt").write_bytes(report.text.encode())
        bundle = map_report(report, recorded=RECORDED, base=BASE).bundle
        (work / "bundles" / f"{stem}.json").write_bytes(encode_bundle(bundle))
    done = subprocess.run(
        [
            *(sys.executable, SHARED / "tools" / "score_reports.py", "--json", work / "score.json"),
            *("--texts", work / "texts", "--gold", work / "gold", "--bundles", work / "bundles"),
        ],
        capture_output=True,
        check=True,
    )
    sys.stdout.write(done.stdout.decode())
    assert b"outside their text: 0\n" in done.stdout
    result: dict[str, Any] = json.loads((work / "score.json").read_text())
    assert result["failures"] == []
    return result


@pytest.mark.parametrize(
    ("reports", "gold", "least_precision", "least_f1"),
    [
        pytest.param(originals, "gold/seeds", 0.85, 0.70, id="the five seed documents"),
        pytest.param(developed_on, "dev-reports/gold", 0.85, 0.60, id="the fifteen development reports"),
    ],
)
def test_reports_are_read_at_least_as_well_as_the_floor(reports, gold, least_precision, least_f1, tmp_path) -> None:
    precision, _, f1 = score(reports(), SHARED / gold, tmp_path)["overall"]
    assert precision >= least_precision
    assert f1 >= least_f1


def test_nine_of_ten_annotated_places_of_the_seeds_are_cited(tmp_path: Path) -> None:
    hit, of = score(originals(), SHARED / "gold" / "seeds", tmp_path)["anchors"]
    assert hit / of >= 0.90


@pytest.mark.parametrize("stem", ["000", "001", "002", "003", "004"])
def test_each_retelling_is_read_as_well_as_its_original_must_be(stem: str, tmp_path: Path) -> None:
    precision, _, f1 = score({stem: retellings()[stem]}, SHARED / "gold" / "seeds", tmp_path, anchors=False)["overall"]
    assert precision >= 0.85
    assert f1 >= 0.70


def test_the_retellings_tell_of_fifteen_patients() -> None:
    bundles = [map_report(report, recorded=RECORDED, base=BASE).bundle for report in retellings().values()]
    patients = [e for bundle in bundles for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    assert len(patients) == 15
