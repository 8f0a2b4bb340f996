"""What is built is what is needed: the wheel works away from the checkout, the house keeps its directions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sample_reports import KYPHOPLASTY

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_the_mappings_the_licence_and_the_notice(unpacked_wheel: Path) -> None:
    shipped = {str(path.relative_to(unpacked_wheel)) for path in unpacked_wheel.rglob("*") if path.is_file()}
    for path in (ROOT / "mappings").rglob("*"):
        if path.is_file():
            assert f"fhir_service/_data/mappings/{path.relative_to(ROOT / 'mappings')}" in shipped
    assert any(path.endswith("LICENSE") for path in shipped)
    assert any(path.endswith("NOTICE") for path in shipped)
    assert "fhir_service/py.typed" in shipped


def test_the_wheel_maps_a_report_outside_the_checkout(unpacked_wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text(KYPHOPLASTY)
    script = (
        "import fhir_service, sys; "
        f"assert fhir_service.__file__.startswith({str(unpacked_wheel)!r}), fhir_service.__file__; "
        "from fhir_service.cli import main; sys.argv = ['fhir-service', 'map', 'report.txt']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(unpacked_wheel)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    kinds = {entry["resource"]["resourceType"] for entry in json.loads(done.stdout)["entry"]}
    assert {"Patient", "Procedure", "AdverseEvent"} <= kinds


def test_imports_go_down_the_house_and_never_up() -> None:
    done = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()


def test_ci_runs_what_the_readme_tells_a_newcomer_to_run() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "make test"
    assert "\nmake test " in (ROOT / "README.md").read_text()
