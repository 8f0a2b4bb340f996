"""Ids are UUIDs of source key, case number and role."""

from __future__ import annotations

from uuid import UUID

from fhir_service.mapping.identity import NAMESPACE, resource_id, with_uuids, without_references


def test_an_id_is_the_uuid_5_of_source_key_and_role() -> None:
    found = UUID(resource_id("10.1000/182", "1/index-1"))
    assert found.version == 5
    assert str(found) == resource_id("10.1000/182", "1/index-1")
    assert str(NAMESPACE) == "ec4c237b-0459-5124-81e2-51097024171b"


def test_another_source_case_or_role_is_another_id() -> None:
    ids = {resource_id(key, role) for key in ("a", "b") for role in ("1/index-1", "1/index-2", "2/index-1")}
    assert len(ids) == 6


def test_ids_and_what_refers_to_them_change_together_and_nothing_else_does() -> None:
    facts = {
        "case": [
            {
                "id": "1/patient",
                "number": 1,
                "condition": [{"id": "1/sequela-1", "kind": {"text": "1/patient"}, "dueTo": "1/index-1"}],
                "procedure": [{"id": "1/index-1", "reason": ["1/sequela-1"], "time": {"event": "1/index-1"}}],
                "complication": [{"id": "1/complication-1", "condition": "1/sequela-1", "suspect": ["1/index-1"]}],
            }
        ]
    }
    index, sequela = resource_id("key", "1/index-1"), resource_id("key", "1/sequela-1")
    case = with_uuids(facts, "key")["case"][0]
    assert case["procedure"] == [{"id": index, "reason": [sequela], "time": {"event": index}}]
    assert case["complication"][0] == {
        "id": resource_id("key", "1/complication-1"),
        "condition": sequela,
        "suspect": [index],
    }
    assert case["condition"] == [{"id": sequela, "kind": {"text": "1/patient"}, "dueTo": index}]
    assert facts["case"][0]["id"] == "1/patient"


def test_references_to_what_is_not_there_are_left_out_and_the_facts_stay() -> None:
    facts = {"id": "a", "reason": ["a", "b"], "time": {"event": "b", "unit": "d"}, "condition": [{"id": "b"}]}
    assert without_references(facts, {"b"}) == {
        "id": "a",
        "reason": ["a"],
        "time": {"unit": "d"},
        "condition": [{"id": "b"}],
    }
