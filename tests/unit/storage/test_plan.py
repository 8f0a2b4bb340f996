from __future__ import annotations

from dataclasses import replace

from stored_resources import patient

from fhir_service.fhir.errors import EditConflict, FhirError
from fhir_service.storage.changes import Change, Create, Delete, Outcome, Update
from fhir_service.storage.index_rows import NO_ROWS, IndexRows
from fhir_service.storage.plan import Plan, State
from fhir_service.storage.preparation import prepared

A = ("Patient", "a")
STORED = State("a", 5, 3, 40, 1_000, deleted=False, rows=IndexRows((1, 2)))


def plan(**before: State) -> Plan:
    return Plan({("Patient", name): state for name, state in before.items()}, last_updated=2_000, next_place=100)


def add(to: Plan, *changes: Change) -> list[Outcome] | FhirError:
    return to.add([prepared(change, None) for change in changes])


def test_places_follow_the_order_of_the_commits_without_those_that_failed() -> None:
    group = plan(a=STORED)
    add(group, Create("Patient", patient(), "b"))
    assert isinstance(add(group, Create("Patient", patient(), "c"), Create("Patient", patient(), "a")), EditConflict)
    add(group, Update("Patient", "a", patient()), Create("Patient", patient(), "d"))
    assert [(new.key[1], new.state.place) for new in group.versions] == [("b", 100), ("a", 101), ("d", 102)]
    assert ("Patient", "c") not in group.states


def test_a_new_resource_keeps_the_place_of_its_first_version_as_its_key() -> None:
    group = plan(a=STORED)
    add(group, Create("Patient", patient(), "b"), Update("Patient", "b", patient()), Update("Patient", "a", patient()))
    assert group.states["Patient", "b"].resource_key == 100
    assert group.states[A].resource_key == 5


def test_a_deletion_leaves_no_hash_and_no_text() -> None:
    group = plan(a=STORED)
    add(group, Delete("Patient", "a"))
    state = group.states[A]
    assert (state.version, state.deleted, state.rows, state.text) == (4, True, NO_ROWS, b"")
    assert (state.partition_key, state.resource_key) == ("a", 5)


def test_a_commit_sees_what_the_ones_before_it_in_the_group_did() -> None:
    group = plan(a=STORED)
    add(group, Delete("Patient", "a"))
    (back,) = add(group, Create("Patient", patient(), "a"))  # type: ignore[misc]  # a list, as the next line shows
    assert (back.action, back.version) == ("created", 5)


def test_an_unchanged_resource_is_not_written() -> None:
    (change,) = [prepared(Update("Patient", "a", patient(active=True), if_changed=True), None)]
    assert change.content is not None
    group = plan(a=replace(STORED, text=change.content.splice.text(3, 1_000)))
    (outcome,) = group.add([change])  # type: ignore[misc]  # a list, as the next line shows
    assert (outcome.action, outcome.version) == ("unchanged", 3)
    assert not group.versions
