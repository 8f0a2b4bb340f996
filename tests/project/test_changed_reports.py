"""Reading hangs on no particular age, sex, level, value, order or wording: changed copies of annotated reports score as
the reports do. Annotations and scorer lie in `../shared`; where they are missing these tests are skipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from changed_reports.measured import Annotated, annotated, changed, f1, reworded, score, scorer
from changed_reports.wording import WORDINGS

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
SETS = {
    "seeds": (SHARED / "seeds", SHARED / "gold" / "seeds"),
    "development": (SHARED / "dev-reports" / "texts", SHARED / "dev-reports" / "gold"),
}
WITHIN = 0.03

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared with annotations and scorer is not here")


def retold(stem: str) -> Annotated:
    """A retelling of ours, with the annotation of its original."""
    (path,) = (ROOT / "seeds").glob(f"{stem}-*/report.txt")
    gold = json.loads((SHARED / "gold" / "seeds" / f"{stem}.json").read_text("utf-8"))
    return Annotated(stem, path.read_text("utf-8"), gold["patients"])


@pytest.mark.parametrize("seed", [1, 2])
def test_a_changed_copy_of_a_report_is_read_as_well_as_the_report(seed: int) -> None:
    scoring = scorer(SHARED)
    reports = [retold(stem) for stem in ("000", "002", "004")]
    copies = [changed(report, seed, scoring) for report in reports]
    assert all(copy.text != report.text for copy, report in zip(copies, reports, strict=True))
    before = f1(score(report, scoring) for report in reports)
    assert f1(score(copy, scoring) for copy in copies) >= before - WITHIN


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", SETS)
def test_ten_changed_copies_of_every_annotated_report_are_read_as_well_as_it_is(name: str, seed: int) -> None:
    scoring = scorer(SHARED)
    reports = annotated(*SETS[name])
    before = f1(score(report, scoring) for report in reports)
    assert f1(score(changed(report, seed, scoring), scoring) for report in reports) >= before - WITHIN


@pytest.mark.long
@pytest.mark.parametrize("wording", WORDINGS)
@pytest.mark.parametrize("name", SETS)
def test_another_wording_of_every_annotated_report_is_read_as_well_as_it_is(name: str, wording: str) -> None:
    scoring = scorer(SHARED)
    reports = annotated(*SETS[name])
    before = f1(score(report, scoring) for report in reports)
    assert f1(score(reworded(report, wording), scoring) for report in reports) >= before - WITHIN
