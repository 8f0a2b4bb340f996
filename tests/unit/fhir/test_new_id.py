"""Ids that the server makes."""

from __future__ import annotations

from uuid import UUID

from fhir_service.fhir.new_id import new_id


def test_an_id_is_a_random_uuid_and_never_the_same() -> None:
    made = {new_id() for _ in range(500)}
    assert len(made) == 500
    assert all(str(UUID(one)) == one and UUID(one).version == 4 for one in made)
    assert {UUID(one).variant for one in made} == {"specified in RFC 4122"}
    assert {one[19] for one in made} == set("89ab")
