"""Loaded reports mapped anew: what differs is shown, then stored, each report whole, and nobody's work is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from changed_maps import OWN, changed_maps, loaded, remapping
from filled_forms import filled
from golden_cases import CASES, RECORDED
from sample_reports import KYPHOPLASTY, VERTEBROPLASTY

from fhir_service import __version__
from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.access import OPEN, Access
from fhir_service.fhir.differences import Difference
from fhir_service.fhir.errors import Gone, NotFound, StoreUnavailable
from fhir_service.fhir.json_text import encode, parse
from fhir_service.mapping.library import MapLibrary
from fhir_service.reports.report import Report, Source
from fhir_service.search.query import parse_query
from fhir_service.storage.repository import Change, Delete, Key, Outcome, ReportEntry, Repository, Update
from fhir_service.workflows.publish_definitions import publish_definitions
from fhir_service.workflows.remap_report import RemappedReport, Remapping, remap_report
from fhir_service.workflows.remap_reports import NotRemapped, remap_reports
from fhir_service.workflows.submit_form import submit_form
from fhir_service.workflows.unload_report import unload_report

FIRST = Report(text=KYPHOPLASTY, source=Source(doi="10.1000/1", title="Leakage"))
SECOND = Report(text=VERTEBROPLASTY, source=Source(pmid="42"))
OBSERVATION = "structure-maps/case-report-observation.fml"
AGES = (
    "structure-maps/case-report.fml",
    "case.age as age where polarity.empty()",
    "case.age as age where polarity = 'x'",
)


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> MapLibrary:
    """Maps by which an age was registered only."""
    return changed_maps(tmp_path_factory.mktemp("older"), (OBSERVATION, "age -> observation.status = 'final'", STATUS))


STATUS = "age -> observation.status = 'registered'"


@pytest.fixture(scope="module")
def without_ages(tmp_path_factory: pytest.TempPathFactory) -> MapLibrary:
    return changed_maps(tmp_path_factory.mktemp("without"), AGES)


async def every(repository: Repository, how: Remapping, *named: str) -> list[RemappedReport | NotRemapped]:
    """What there was to do."""
    return [one async for one in remap_reports(repository, named, how) if one is not None]


async def only(repository: Repository, how: Remapping) -> RemappedReport:
    (found,) = await every(repository, how)
    assert isinstance(found, RemappedReport)
    return found


async def versions(repository: Repository) -> dict[Key, int]:
    state = await repository.reports.state("10.1000/1")
    assert state is not None
    return {key: one.version for key, one in (await repository.newest(list(state.made), OPEN)).items()}


async def the_age(repository: Repository) -> dict[str, Any]:
    page = await repository.search(parse_query("Observation", [("code", "http://loinc.org|30525-0")]), OPEN)
    (found,) = page.matches
    return parse(found.text)


async def maps_of(repository: Repository, resource: Mapping[str, Any]) -> set[str]:
    target = f"{resource['resourceType']}/{resource['id']}"
    page = await repository.search(parse_query("Provenance", [("target", target)]), OPEN)
    (found,) = page.matches
    whats = [entity["what"] for entity in parse(found.text)["entity"]]
    return {what["identifier"]["value"].rsplit("/", 1)[1] for what in whats if what.get("type") == "StructureMap"}


def version_of(maps: MapLibrary, name: str) -> str:
    (tree,) = [tree for url, tree in maps.maps.items() if url.endswith(f"/{name}")]
    return f"{name}|{tree.meta('version')}"


async def test_what_the_present_maps_have_made_is_left_alone(repository: Repository) -> None:
    await publish_definitions(repository, DEFAULT_BASE)
    await loaded(repository, FIRST)
    before = await versions(repository)
    assert [one async for one in remap_reports(repository, (), remapping(apply=True))] == [None]
    found = await only(repository, remapping(every=True, apply=True))
    assert not found.changes_something
    assert await versions(repository) == before


async def test_the_difference_is_shown_and_nothing_is_stored(repository: Repository, older: MapLibrary) -> None:
    await loaded(repository, FIRST, older)
    before = await versions(repository)
    found = await only(repository, remapping())
    (change,) = found.changes
    assert (change.action, change.key[0], change.by_hand) == ("updated", "Observation", False)
    assert change.differences == (Difference("status", "registered", "final"),)
    assert {name.rsplit("/", 1)[1] for name in found.maps} == {
        version_of(older, "case-report"),
        version_of(older, "case-report-observation"),
    }
    assert found.provenances == sum(kind == "Provenance" for kind, _ in before)
    assert await versions(repository) == before


async def test_applied_it_makes_versions_and_provenance_and_a_second_time_nothing(
    repository: Repository, older: MapLibrary
) -> None:
    await loaded(repository, FIRST, older)
    was = await the_age(repository)
    assert version_of(older, "case-report-observation") in await maps_of(repository, was)
    await only(repository, remapping(apply=True))
    age = await the_age(repository)
    assert (age["status"], age["meta"]["versionId"]) == ("final", "2")
    earlier = parse((await repository.vread("Observation", age["id"], 1, OPEN)).text)
    assert (earlier["status"], earlier["id"]) == ("registered", was["id"])
    named = await maps_of(repository, age)
    assert {version_of(OWN, "case-report"), version_of(OWN, "case-report-observation")} <= named
    after = await versions(repository)
    assert {key for key, version in after.items() if version == 1} == {
        key for key in after if key[0] != "Provenance" and key != ("Observation", age["id"])
    }
    assert await every(repository, remapping(apply=True)) == []
    assert await versions(repository) == after


async def test_what_the_maps_make_no_longer_is_deleted_and_comes_back_with_them(
    repository: Repository, without_ages: MapLibrary
) -> None:
    await loaded(repository, FIRST)
    age = await the_age(repository)
    found = await only(repository, remapping(without_ages, apply=True))
    assert [(change.action, change.key) for change in found.changes] == [("deleted", ("Observation", age["id"]))]
    with pytest.raises(Gone):
        await repository.read("Observation", age["id"], OPEN)
    found = await only(repository, remapping(apply=True))
    assert [(change.action, change.key) for change in found.changes] == [("created", ("Observation", age["id"]))]
    assert (await the_age(repository))["meta"]["versionId"] == "3"


async def test_what_a_client_has_changed_is_kept_with_its_provenance_until_it_may_be_overwritten(
    repository: Repository, older: MapLibrary
) -> None:
    await loaded(repository, FIRST, older)
    by_hand = encode(await the_age(repository) | {"status": "corrected"})
    key = ("Observation", parse(by_hand)["id"])
    await repository.commit([Update(*key, by_hand)], OPEN)
    found = await only(repository, remapping(apply=True))
    assert found.changes == ()
    assert [(change.key, change.differences) for change in found.kept] == [
        (key, (Difference("status", "corrected", "final"),))
    ]
    assert (await the_age(repository))["status"] == "corrected"
    assert version_of(older, "case-report") in await maps_of(repository, parse(by_hand))
    again = await only(repository, remapping(apply=True))
    assert (again.changes_something, again.kept) == (False, found.kept)
    found = await only(repository, remapping(apply=True, overwrite=True))
    assert [(change.key, change.by_hand) for change in found.changes] == [(key, True)]
    assert (await the_age(repository))["status"] == "final"
    assert await every(repository, remapping(apply=True)) == []


async def test_what_a_client_has_deleted_stays_deleted(repository: Repository, older: MapLibrary) -> None:
    await loaded(repository, FIRST, older)
    key = ("Observation", (await the_age(repository))["id"])
    await repository.commit([Delete(*key)], OPEN)
    found = await only(repository, remapping(apply=True))
    assert [(change.action, change.key) for change in found.kept] == [("created", key)]
    with pytest.raises(Gone):
        await repository.read(*key, OPEN)


async def test_what_a_client_has_changed_is_not_deleted_either(
    repository: Repository, without_ages: MapLibrary
) -> None:
    await loaded(repository, FIRST)
    age = await the_age(repository)
    await repository.commit([Update("Observation", age["id"], encode(age | {"status": "corrected"}))], OPEN)
    found = await only(repository, remapping(without_ages, apply=True))
    assert [(change.action, change.key[1]) for change in found.kept] == [("deleted", age["id"])]
    assert (await the_age(repository))["status"] == "corrected"
    await unload_report(repository, "10.1000/1", erase=False)
    with pytest.raises(Gone):
        await repository.read("Observation", age["id"], OPEN)


async def test_a_load_that_replaces_the_work_of_a_client_names_it(repository: Repository, older: MapLibrary) -> None:
    assert (await loaded(repository, FIRST, older)).by_hand == ()
    (patient,) = [key for key in await repository.reports.resources_of("10.1000/1") if key[0] == "Patient"]
    stored = parse((await repository.read(*patient, OPEN)).text)
    await repository.commit([Update(*patient, encode(stored | {"gender": "other"}))], OPEN)
    again = await loaded(repository, FIRST)
    assert again.by_hand == ("/".join(patient),)
    assert len(again.updated) > 1
    assert (await loaded(repository, FIRST)).by_hand == ()


async def test_a_report_that_was_taken_out_does_not_come_back(repository: Repository, older: MapLibrary) -> None:
    await loaded(repository, FIRST, older)
    await loaded(repository, SECOND, older)
    await unload_report(repository, "10.1000/1", erase=False)
    found = await every(repository, remapping(apply=True, every=True))
    assert [one.source_key for one in found] == ["42"]
    assert await every(repository, remapping(), "10.1000/1") == [
        NotRemapped("10.1000/1", "no report with the source '10.1000/1' is loaded")
    ]


async def test_a_run_that_was_broken_off_leaves_whole_reports_and_the_next_goes_on(
    repository: Repository, older: MapLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    await loaded(repository, FIRST, older)
    await loaded(repository, SECOND, older)
    commits = repository.commit

    async def breaks_down(changes: Sequence[Change], access: Access, report: ReportEntry) -> list[Outcome]:
        if report.source_key == "42":
            raise StoreUnavailable("the database is gone")
        return await commits(changes, access, report)

    with monkeypatch.context() as patch:
        patch.setattr(repository, "commit", breaks_down)
        first, second = await every(repository, remapping(apply=True))
    assert isinstance(first, RemappedReport)
    assert second == NotRemapped("42", "the database is gone")
    (left,) = await every(repository, remapping(apply=True))
    assert left.source_key == "42"
    assert await every(repository, remapping(apply=True)) == []


async def test_beside_loads_of_the_same_report_it_comes_out_as_one_of_them_made_it(
    repository: Repository, older: MapLibrary
) -> None:
    await loaded(repository, FIRST, older)
    await asyncio.gather(
        remap_report(repository, "10.1000/1", remapping(apply=True)),
        *(loaded(repository, FIRST, maps) for maps in (older, OWN, older)),
    )
    age = await the_age(repository)
    maps = older if age["status"] == "registered" else OWN
    state = await repository.reports.state("10.1000/1")
    assert state is not None
    for stored in (await repository.newest(list(state.made), OPEN)).values():
        if stored.type != "Provenance":
            assert version_of(maps, "case-report") in await maps_of(repository, parse(stored.text))
    await every(repository, remapping(apply=True))
    assert await every(repository, remapping(apply=True)) == []


async def test_facts_read_by_an_earlier_release_are_mapped_as_they_are_or_read_anew(repository: Repository) -> None:
    await loaded(repository, FIRST, read_by="0.0.9")
    assert await every(repository, remapping(apply=True)) == []
    found = await only(repository, remapping(reread=True, apply=True))
    assert found.read_by == "0.0.9"
    (change,) = found.changes
    assert (change.key[0], change.differences) == ("Device", (Difference("version[0].value", "0.0.9", __version__),))
    assert await every(repository, remapping(reread=True, apply=True)) == []


async def test_without_what_was_read_it_says_what_to_do(repository: Repository, older: MapLibrary) -> None:
    await loaded(repository, FIRST, older)
    state = await repository.reports.state("10.1000/1")
    assert state is not None
    await repository.commit([], OPEN, ReportEntry("10.1000/1", state.fingerprint, tuple(state.made)))
    (found,) = await every(repository, remapping())
    assert isinstance(found, NotRemapped)
    assert "load its file once more" in found.reason


async def test_a_form_is_mapped_anew_from_its_answers(repository: Repository) -> None:
    case = CASES["every-kind-of-fact"]
    form = encode(filled(case.facts, case.report.source))
    made = await submit_form(repository, form, recorded=RECORDED, base=DEFAULT_BASE)
    assert await every(repository, remapping(apply=True)) == []
    (patient,) = [key.partition("/")[2] for key in made.created if key.startswith("Patient/")]
    await repository.commit([Delete("Patient", patient)], OPEN)
    found = await only(repository, remapping(every=True, overwrite=True, apply=True))
    assert [(change.action, change.key) for change in found.changes] == [("created", ("Patient", patient))]


async def test_a_source_that_never_was_loaded_is_named(repository: Repository) -> None:
    with pytest.raises(NotFound, match=r"10\.1000/9"):
        await remap_report(repository, "10.1000/9", remapping())
