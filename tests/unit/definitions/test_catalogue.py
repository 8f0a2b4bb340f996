"""Our own artifacts are found by kind and canonical, and a broken one says so."""

import json
from pathlib import Path

import pytest

from fhir_service.definitions import catalogue as catalogue_module
from fhir_service.definitions.catalogue import DEFAULT_BASE, BrokenArtifact, Catalogue, Kind, UnknownArtifact

LEVELS = f"{DEFAULT_BASE}/CodeSystem/vertebral-level"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "code-systems").mkdir()
    (tmp_path / "structure-maps").mkdir()
    code_system = {"resourceType": "CodeSystem", "url": LEVELS, "version": "1"}
    (tmp_path / "code-systems" / "vertebral-level.json").write_text(json.dumps(code_system))
    (tmp_path / "structure-maps" / "case-report.fml").write_text(f'map "{DEFAULT_BASE}/StructureMap/case-report" = x\n')
    return tmp_path


def test_an_artifact_is_found_by_its_canonical(root: Path) -> None:
    assert Catalogue(root).artifact(Kind.CODE_SYSTEM, LEVELS)["version"] == "1"
    assert Catalogue(root).artifact(Kind.CODE_SYSTEM, f"{LEVELS}|1")["url"] == LEVELS


@pytest.mark.parametrize("url", [f"{LEVELS}|2", f"{DEFAULT_BASE}/CodeSystem/other"])
def test_another_version_or_url_is_unknown(root: Path, url: str) -> None:
    with pytest.raises(UnknownArtifact):
        Catalogue(root).artifact(Kind.CODE_SYSTEM, url)


def test_a_kind_without_folder_has_no_artifacts(root: Path) -> None:
    assert dict(Catalogue(root).artifacts(Kind.SEARCH_PARAMETER)) == {}


def test_another_base_stands_in_everything_that_is_read(root: Path) -> None:
    catalogue = Catalogue(root, "https://clinic.example/fhir")
    assert list(catalogue.artifacts(Kind.CODE_SYSTEM)) == ["https://clinic.example/fhir/CodeSystem/vertebral-level"]
    assert "https://clinic.example/fhir/StructureMap/case-report" in catalogue.structure_map("case-report")


def test_a_map_that_is_not_there_is_unknown(root: Path) -> None:
    with pytest.raises(UnknownArtifact, match=r"nothing\.fml"):
        Catalogue(root).structure_map("nothing")


def test_a_lexicon_that_is_not_there_is_unknown(root: Path) -> None:
    with pytest.raises(UnknownArtifact, match=r"levels\.toml"):
        Catalogue(root).lexicon("levels.toml")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("{", "not JSON"), ("[]", "no url"), ('{"url": ""}', "no url"), (f'{{"url": "{LEVELS}"}}', "another file")],
)
def test_a_file_that_cannot_be_used_is_named(root: Path, content: str, complaint: str) -> None:
    (root / "code-systems" / "w.json").write_text(content)
    with pytest.raises(BrokenArtifact, match=rf"{complaint}") as caught:
        Catalogue(root).artifacts(Kind.CODE_SYSTEM)
    assert "w.json" in str(caught.value)


def test_the_folder_inside_an_installed_package_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "_PACKAGE", tmp_path / "package")
    with pytest.raises(UnknownArtifact, match="no mappings folder"):
        catalogue_module.mappings_root()
    (tmp_path / "mappings").mkdir()
    assert catalogue_module.mappings_root() == tmp_path / "mappings"
    (tmp_path / "package" / "_data" / "mappings").mkdir(parents=True)
    assert catalogue_module.mappings_root() == tmp_path / "package" / "_data" / "mappings"
