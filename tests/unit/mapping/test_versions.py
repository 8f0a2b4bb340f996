"""The version of an artifact stands for what it says, and that of a map for all it does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fhir_service.definitions.catalogue import Catalogue, mappings_root
from fhir_service.mapping.versions import LOCK, lock_text, raised, unraised, versions

Change = Callable[[str, str, str], None]
MAPS = "structure-maps/"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(mappings_root(), tmp_path / "mappings"))


@pytest.fixture
def change(root: Path) -> Change:
    def change(file: str, old: str, new: str) -> None:
        text = (root / file).read_text()
        assert old in text
        (root / file).write_text(text.replace(old, new))

    return change


def wanting(root: Path) -> list[str]:
    return unraised(versions(Catalogue(root)), (mappings_root() / LOCK).read_text())


def test_the_lock_is_that_of_the_artifacts() -> None:
    now, lock = versions(Catalogue(mappings_root())), (mappings_root() / LOCK).read_text()
    assert unraised(now, lock) == [], "these have changed without another version: make versions"
    assert lock == lock_text(now), "the lock is not that of the artifacts: make versions"


def test_a_map_that_has_changed_needs_another_version_and_so_do_those_that_import_it(
    root: Path, change: Change
) -> None:
    change(MAPS + "case-report-patient.fml", "'unknown'", "'masked'")
    assert wanting(root) == [MAPS + "case-report-patient.fml", MAPS + "case-report.fml"]


def test_a_concept_map_that_has_changed_raises_every_map_that_translates_by_it(root: Path, change: Change) -> None:
    change("concept-maps/cement-to-snomed.json", '"wider"', '"relatedto"')
    assert wanting(root) == [
        "concept-maps/cement-to-snomed.json",
        MAPS + "case-report-procedure.fml",
        MAPS + "case-report.fml",
    ]


def test_another_version_alone_is_no_change(root: Path, change: Change) -> None:
    change("code-systems/side.json", '"version": "0.', '"version": "7.')
    assert wanting(root) == []


def test_once_raised_they_want_nothing_more(root: Path, change: Change) -> None:
    change(MAPS + "case-report-patient.fml", "'unknown'", "'masked'")
    for file in wanting(root):
        (root / file).write_text(raised((root / file).read_text()))
    assert wanting(root) == []


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("/// title = 'x'\n/// version = '0.1.9'\nmap", "/// title = 'x'\n/// version = '0.1.10'\nmap"),
        ('{\n  "version": "2",\n  "x": [{"version": "1"}]}', '{\n  "version": "3",\n  "x": [{"version": "1"}]}'),
    ],
)
def test_the_last_number_of_its_own_version_is_raised(text: str, after: str) -> None:
    assert raised(text) == after


@pytest.mark.parametrize("text", ["map", "/// version = 'draft'\n"])
def test_what_has_no_number_is_not_raised(text: str) -> None:
    with pytest.raises(ValueError, match="version"):
        raised(text)


def test_lines_of_two_branches_side_by_side_hold_either(root: Path) -> None:
    now = versions(Catalogue(root))
    both = lock_text(now) + "structure-maps/case-report.fml 0.1.0 0123456789abcdef0123456789abcdef\n"
    assert unraised(now, both) == []
