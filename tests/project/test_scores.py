"""How much of the annotated reports is read, and how much of what is read is so.

The annotations of published reports and the scorer lie in `../shared`; where they are missing these tests are skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from scored_reports import BASE, OWN, RECORDED, SHARED, originals, retellings, score, texts_of

from fhir_service.reports.report import Report
from fhir_service.workflows.map_report import map_report

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared with annotations and scorer is not here")
_FACTS_TO_JUDGE_A_KIND = 10


def _developed_on() -> Mapping[str, Report]:
    return texts_of(SHARED / "dev-reports" / "texts")


@pytest.mark.parametrize(
    ("reports", "gold", "least"),
    [
        pytest.param(originals, SHARED / "gold" / "seeds", (0.97, 0.95, 0.96), id="the five seed documents"),
        pytest.param(_developed_on, SHARED / "dev-reports" / "gold", (0.93, 0.88, 0.90), id="published, retold"),
        *(
            pytest.param(
                lambda name=name: texts_of(OWN / name / "texts"),
                *(OWN / name / "gold", (0.90, least_recall, 0.85)),
                id=name,
            )
            for name, least_recall in (("unseen-short", 0.80), ("unseen-long", 0.75))
        ),
    ],
)
def test_reports_are_read(
    reports: Callable[[], Mapping[str, Report]], gold: Path, least: tuple[float, float, float], tmp_path: Path
) -> None:
    found = tuple(score(reports(), gold, tmp_path)["overall"])
    assert all(rate >= bar for rate, bar in zip(found, least, strict=True)), found


def test_no_kind_of_fact_of_the_published_reports_is_read_badly(tmp_path: Path) -> None:
    found = score(_developed_on(), SHARED / "dev-reports" / "gold", tmp_path)
    annotated = {
        kind: found["counts"].get(f"{kind}.tp", 0) + found["counts"].get(f"{kind}.fn", 0) for kind in found["kinds"]
    }
    judged = {kind: rates[2] for kind, rates in found["kinds"].items() if annotated[kind] >= _FACTS_TO_JUDGE_A_KIND}
    assert len(judged) >= 8
    assert {kind: f1 for kind, f1 in judged.items() if f1 < 0.80} == {}


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
