"""Annotated reports, and how well they are read: by kind of fact, by the scorer that lies in `../shared`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fhir_service.mapping.map_report import encode_bundle
from fhir_service.reports.report import Report, Source
from fhir_service.workflows.map_report import map_report
from fhir_service.workflows.read_report_file import read_report_file

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
BASE = "https://vertebral-augmentation.example.org/fhir"
RECORDED = "2026-01-31T12:00:00Z"
OWN = ROOT / "tests" / "reports"


def originals() -> dict[str, Report]:
    """The five seed documents, by the name of their annotations."""
    gold = {path.stem: json.loads(path.read_text("utf-8")) for path in (SHARED / "gold" / "seeds").glob("*.json")}
    return {
        stem: Report(text=(SHARED / "seeds" / case["text"]).read_bytes().decode(), source=Source(name=stem))
        for stem, case in sorted(gold.items())
    }


def retellings() -> dict[str, Report]:
    """Our retellings of them, by the same names."""
    files = sorted((ROOT / "seeds").glob("*/report.txt"))
    return {path.parent.name[:3]: read_report_file(path, max_bytes=1_000_000) for path in files}


def texts_of(folder: Path) -> dict[str, Report]:
    """The reports of a folder of texts, by file name."""
    texts = sorted(folder.glob("*.txt"))
    return {path.stem: Report(text=path.read_bytes().decode(), source=Source(name=path.stem)) for path in texts}


def score(reports: Mapping[str, Report], gold: Path, work: Path, *, anchors: bool = True) -> dict[str, Any]:
    """What the scorer says: `overall` and by `kinds` precision, recall and F1, `counts`, and `anchors` hit and in all.

    Every span has to lie in its text, and every report has to give a Bundle.
    """
    for folder in ("texts", "bundles", "gold"):
        (work / folder).mkdir(parents=True)
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
    assert b"outside their text: 0\n" in done.stdout
    result: dict[str, Any] = json.loads((work / "score.json").read_text())
    assert result["failures"] == []
    return result
