"""The definitions of `mappings/` in a store: published once, replaced when they change, gone when they are gone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from changed_maps import loaded, remapping
from sample_reports import KYPHOPLASTY

from fhir_service.definitions.catalogue import DEFAULT_BASE, BrokenArtifact, Catalogue, catalogue
from fhir_service.fhir.access import OPEN, Access
from fhir_service.fhir.errors import ComesWithService, Gone, NotFound, UnprocessableContent
from fhir_service.reports.report import Report, Source
from fhir_service.storage.repository import Create, Delete, Repository, Update, open_repository
from fhir_service.validation.structure import findings
from fhir_service.workflows.publish_definitions import SOURCE, definitions_of, publish, publish_definitions
from fhir_service.workflows.remap_reports import remap_reports
from fhir_service.workflows.unload_report import unload_report

COLOURS = ("CodeSystem", "colour")
SHAPES = ("CodeSystem", "shape")


def write(root: Path, name: str, **more: object) -> None:
    folder = root / "code-systems"
    folder.mkdir(exist_ok=True)
    resource = {"resourceType": "CodeSystem", "id": name, "url": f"{DEFAULT_BASE}/CodeSystem/{name}"}
    whole = resource | {"status": "draft", "content": "not-present"} | more
    (folder / f"{name}.json").write_text(json.dumps(whole, indent=2))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "mappings"
    found.mkdir()
    write(found, "colour")
    write(found, "shape")
    return found


async def version(repository: Repository, key: tuple[str, str]) -> int:
    return (await repository.read(*key, OPEN)).version


async def test_every_artifact_is_stored_under_the_name_of_its_file(repository: Repository) -> None:
    published = await publish(repository, definitions_of(catalogue()))
    assert {"CodeSystem", "ValueSet", "ConceptMap", "StructureDefinition", "StructureMap", "SearchParameter"} <= {
        k for k, _ in published
    }
    for key in published:
        stored = await repository.read(*key, OPEN)
        assert findings(stored.text) == [], key
        assert json.loads(stored.text)["id"] == key[1]
        base, _, name = json.loads(stored.text)["url"].rpartition(f"/{key[0]}/")
        assert name == key[1]
        assert base == DEFAULT_BASE or base.startswith(("http://hl7.org/fhir/u", "http://terminology.hl7.org"))


def test_a_file_that_is_no_json_is_named(root: Path) -> None:
    (root / "code-systems" / "broken.json").write_text("{")
    with pytest.raises(BrokenArtifact, match=r"code-systems: broken\.json: "):
        definitions_of(Catalogue(root))


async def test_only_what_changed_gets_a_new_version(repository: Repository, root: Path) -> None:
    assert await publish(repository, definitions_of(Catalogue(root))) == {COLOURS, SHAPES}
    write(root, "shape", title="Shapes")
    assert await publish(repository, definitions_of(Catalogue(root))) == {COLOURS, SHAPES}
    assert await version(repository, COLOURS) == 1
    assert await version(repository, SHAPES) == 2


async def test_what_left_the_folder_leaves_the_store_and_can_come_back(repository: Repository, root: Path) -> None:
    await publish(repository, definitions_of(Catalogue(root)))
    (root / "code-systems" / "shape.json").unlink()
    assert await publish(repository, definitions_of(Catalogue(root))) == {COLOURS}
    with pytest.raises(Gone):
        await repository.read(*SHAPES, OPEN)
    write(root, "shape")
    assert await publish(repository, definitions_of(Catalogue(root))) == {COLOURS, SHAPES}
    assert await version(repository, SHAPES) == 3


async def test_a_resource_that_somebody_else_stored_under_the_name_stays_theirs(
    repository: Repository, root: Path
) -> None:
    theirs = json.dumps({"resourceType": "CodeSystem", "status": "draft", "content": "not-present", "title": "Theirs"})
    await repository.commit([Create(*SHAPES[:1], theirs.encode(), SHAPES[1])], OPEN)
    for _ in range(2):
        assert await publish(repository, definitions_of(Catalogue(root))) == {COLOURS}
    assert b"Theirs" in (await repository.read(*SHAPES, OPEN)).text
    (root / "code-systems" / "shape.json").unlink()
    await publish(repository, definitions_of(Catalogue(root)))
    assert await version(repository, SHAPES) == 1
    await repository.commit([Delete(*SHAPES)], OPEN)
    write(root, "shape")
    assert await publish(repository, definitions_of(Catalogue(root))) == {COLOURS, SHAPES}


async def test_processes_that_start_at_once_publish_each_definition_once(database_url: str) -> None:
    ours = definitions_of(catalogue())
    stores = [await open_repository(database_url) for _ in range(3)]
    try:
        found = await asyncio.gather(*(publish(store, ours) for store in stores))
        assert found[0] == found[1] == found[2]
        assert {await version(stores[0], key) for key in found[0]} == {1}
    finally:
        for store in stores:
            await store.close()


async def test_who_may_not_change_a_definition_is_told_so(repository: Repository, root: Path) -> None:
    fixed = await publish(repository, definitions_of(Catalogue(root)))
    client = Access(fixed=fixed)
    text = (await repository.read(*SHAPES, client)).text
    for change in (Update(*SHAPES, text), Delete(*SHAPES), Create(*SHAPES[:1], text, SHAPES[1])):
        with pytest.raises(ComesWithService, match="CodeSystem/shape comes with the service"):
            await repository.commit([change], client)
    with pytest.raises(NotFound):
        await repository.vread(*SHAPES, 2, client)


def test_two_files_that_would_be_one_resource_are_named(root: Path) -> None:
    (root / "profiles").mkdir()
    other = {"resourceType": "CodeSystem", "url": f"{DEFAULT_BASE}/CodeSystem/other"}
    (root / "profiles" / "shape.json").write_text(json.dumps(other))
    with pytest.raises(BrokenArtifact, match="CodeSystem/shape"):
        definitions_of(Catalogue(root))


async def test_definitions_are_no_report_that_is_mapped_anew(repository: Repository) -> None:
    await publish(repository, definitions_of(catalogue()))
    assert [one async for one in remap_reports(repository, (), remapping())] == []


async def test_no_report_takes_the_name_of_the_definitions_and_none_are_unloaded(
    repository: Repository, root: Path
) -> None:
    await publish(repository, definitions_of(Catalogue(root)))
    with pytest.raises(UnprocessableContent, match="own definitions"):
        await loaded(repository, Report(text=KYPHOPLASTY, source=Source(name=SOURCE)))
    for erase in (False, True):
        with pytest.raises(NotFound):
            await unload_report(repository, SOURCE, erase=erase)
    assert [await version(repository, key) for key in (COLOURS, SHAPES)] == [1, 1]


async def test_the_data_dictionary_names_whom_the_settings_name(repository: Repository) -> None:
    await publish_definitions(repository, DEFAULT_BASE, "keeper@registry.example.com")
    stored = json.loads((await repository.read("StructureDefinition", "case-report", OPEN)).text)
    assert [point["value"] for point in stored["contact"][0]["telecom"]] == ["keeper@registry.example.com"]
