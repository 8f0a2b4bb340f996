"""$validate: whether something would be accepted, said with 200 and an OperationOutcome."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import Client, issues, observation, patient

URL = "http://hl7.org/fhir/StructureDefinition/"


def parameters(**parts: Any) -> dict[str, Any]:
    """A Parameters resource; `resource` is a resource, the rest are (key, value)."""
    named = [
        {"name": name, "resource": part} if name == "resource" else {"name": name, part[0]: part[1]}
        for name, part in parts.items()
    ]
    return {"resourceType": "Parameters", "parameter": named}


async def found(client: Client, path: str, **request: Any) -> list[dict[str, Any]]:
    """The issues of a validation that could be done."""
    answer = await client.post(f"/fhir/{path}", **request)
    return outcome(answer)


def outcome(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    found: list[dict[str, Any]] = body["issue"]
    return found


def errors(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (issue["code"], issue.get("expression", [""])[0]) for issue in found if issue["severity"] in ("error", "fatal")
    ]


@pytest.mark.rule("VAL-1", "VAL-2")
class TestContent:
    async def test_val_2_a_valid_resource_has_no_error(self, idle_client: Client) -> None:
        for body in (patient(gender="male"), parameters(resource=patient(gender="male"))):
            issue = await found(idle_client, "Patient/$validate", json=body)
            assert errors(issue) == []
            assert issue

    async def test_val_2_an_invalid_one_is_200_with_everything_that_is_wrong(self, idle_client: Client) -> None:
        wrong = patient(gender="blue", birthDate="yesterday", colour=1)
        expected = {"Patient.gender", "Patient.birthDate", "Patient.colour"}
        for body in (wrong, parameters(resource=wrong)):
            issue = await found(idle_client, "Patient/$validate", json=body)
            assert {place for _, place in errors(issue)} == expected

    async def test_val_2_a_resource_of_another_type_is_an_error(self, idle_client: Client) -> None:
        assert errors(await found(idle_client, "Patient/$validate", json=observation())) == [("invalid", "Patient")]

    async def test_val_2_what_is_no_json_is_an_error_too(self, idle_client: Client) -> None:
        for body in (b'{"resourceType":', b"\xff", b"[]", b'{"a":1,"a":2}'):
            assert errors(await found(idle_client, "Patient/$validate", content=body))

    async def test_nothing_is_stored(self, idle_client: Client) -> None:
        await found(idle_client, "Patient/$validate?mode=create", json=patient())
        assert (await idle_client.get("/fhir/Patient?_summary=count")).json()["total"] == 0


@pytest.mark.rule("VAL-1")
class TestModes:
    async def test_val_1_create_is_refused_where_the_resource_exists(self, client: Client) -> None:
        await client.put("/fhir/Patient/a", json=patient(id="a"))
        path, body = "Patient/a/$validate", patient(id="a")
        assert errors(await found(client, f"{path}?mode=create", json=body)) == [("duplicate", "")]
        assert errors(await found(client, "Patient/b/$validate?mode=create", json=body)) == []
        assert errors(await found(client, "Patient/$validate?mode=create", json=patient())) == []

    async def test_val_1_update_needs_the_id_of_the_url(self, idle_client: Client) -> None:
        path = "Patient/a/$validate?mode=update"
        assert errors(await found(idle_client, path, json=patient(id="a"))) == []
        for body in (patient(), patient(id="b")):
            assert errors(await found(idle_client, path, json=body)) == [("value", "Patient.id")]
        sent = parameters(resource=patient(id="b"), mode=("valueCode", "update"))
        assert errors(await found(idle_client, "Patient/a/$validate", json=sent)) == [("value", "Patient.id")]

    async def test_val_1_delete_needs_something_to_delete(self, client: Client) -> None:
        await client.put("/fhir/Patient/a", json=patient(id="a"))
        in_body = parameters(mode=("valueCode", "delete"))
        for status in ("", "deleted"):
            for name, expected in (("a", [status] if status else []), ("nobody", ["not-found"])):
                path = f"/fhir/Patient/{name}/$validate"
                by_get = await client.get(f"{path}?mode=delete")
                by_post = await client.post(path, json=in_body)
                without_body = await client.post(f"{path}?mode=delete", headers={"content-type": ""})
                for answer in (by_get, by_post, without_body):
                    assert [code for code, _ in errors(outcome(answer))] == expected
            await client.delete("/fhir/Patient/a")

    async def test_val_1_profile_is_about_the_stored_resource(self, client: Client) -> None:
        await client.put("/fhir/Patient/a", json=patient(id="a"))
        assert errors(outcome(await client.get("/fhir/Patient/a/$validate?mode=profile"))) == []
        asked = {"mode": "profile", "profile": f"{URL}Observation"}
        wrong = outcome(await client.get("/fhir/Patient/a/$validate", params=asked))
        assert errors(wrong) == [("structure", "Patient")]
        assert (await client.get("/fhir/Patient/nobody/$validate?mode=profile")).status_code == 404


@pytest.mark.rule("VAL-3")
class TestProfiles:
    @pytest.mark.parametrize(
        "profile", ["http://example.org/p", f"{URL}Nothing", f"{URL}Patient|3.0.1", "Patient", f"{URL}bodyweight|5.0.0"]
    )
    async def test_val_3_one_that_is_not_known_is_an_error(self, idle_client: Client, profile: str) -> None:
        in_url = await idle_client.post("/fhir/Patient/$validate", params={"profile": profile}, json=patient())
        sent = parameters(resource=patient(), profile=("valueUri", profile))
        in_body = await idle_client.post("/fhir/Patient/$validate", json=sent)
        for answer in (in_url, in_body):
            assert errors(outcome(answer)) == [("not-supported", "")]

    @pytest.mark.parametrize("profile", [f"{URL}Patient", f"{URL}Patient|4.0.1", f"{URL}DomainResource"])
    async def test_val_3_the_types_of_r4_are_known(self, idle_client: Client, profile: str) -> None:
        answer = await idle_client.post("/fhir/Patient/$validate", params={"profile": profile}, json=patient())
        assert errors(outcome(answer)) == []

    async def test_val_3_a_resource_is_held_against_a_profile(self, idle_client: Client) -> None:
        asked = {"profile": f"{URL}bodyweight"}
        issue = await found(idle_client, "Observation/$validate", params=asked, json=observation())
        assert ("required", "Observation.category") in errors(issue)

    async def test_profiles_that_a_resource_names_are_checked_and_one_that_is_not_known_is_a_warning(
        self, idle_client: Client
    ) -> None:
        named = patient(meta={"profile": ["http://example.org/p"]})
        issue = await found(idle_client, "Patient/$validate", json=named)
        assert (issue[-1]["severity"], issue[-1]["expression"]) == ("warning", ["Patient.meta.profile[0]"])
        weighed = observation(meta={"profile": [f"{URL}bodyweight"]})
        issue = await found(idle_client, "Observation/$validate", json=weighed)
        assert ("required", "Observation.category") in errors(issue)


@pytest.mark.rule("VAL-2", "VAL-3")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("Patient/$validate", b""),
        ("Patient/$validate", b'{"resourceType":"Parameters"}'),
        ("Patient/$validate?mode=profile", b""),
        ("Patient/a/$validate?mode=update", b""),
        ("Patient/$validate?mode=update", b'{"resourceType":"Patient","id":"a"}'),
        ("Patient/$validate?mode=delete", b""),
        ("Patient/$validate?mode=sideways", b'{"resourceType":"Patient"}'),
        ("Patient/$validate?mode=create&mode=create", b'{"resourceType":"Patient"}'),
        ("Patient/$validate?node=create", b'{"resourceType":"Patient"}'),
        ("Patient/$validate", b'{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":1}]}'),
        ("Patient/$validate", b'{"resourceType":"Parameters","parameter":[{"name":"mode","valueInteger":1}]}'),
        ("Patient/$validate", b'{"resourceType":"Parameters","parameter":[{"name":"x","valueInteger":1}]}'),
    ],
)
async def test_val_2_400_where_it_is_not_said_what_to_validate(idle_client: Client, path: str, body: bytes) -> None:
    answer = await idle_client.post(f"/fhir/{path}", content=body)
    assert answer.status_code == 400
    assert issues(answer)


@pytest.mark.rule("VAL-2")
async def test_val_2_what_cannot_be_read_at_all_is_no_validation(idle_client: Client) -> None:
    unknown = await idle_client.post("/fhir/Practitioner/$validate", json={"resourceType": "Practitioner"})
    assert unknown.status_code == 404
    text = await idle_client.post("/fhir/Patient/$validate", content="x", headers={"content-type": "text/plain"})
    assert text.status_code == 415


class TestStored:
    async def test_val_1_without_a_mode_it_is_the_stored_resource_that_is_validated(self, client: Client) -> None:
        await client.put("/fhir/Observation/a", json=observation(id="a"))
        assert errors(outcome(await client.get("/fhir/Observation/a/$validate"))) == []
        asked = {"profile": f"{URL}bodyweight"}
        by_get = outcome(await client.get("/fhir/Observation/a/$validate", params=asked))
        by_post = outcome(
            await client.post("/fhir/Observation/a/$validate", json=parameters(profile=("valueUri", asked["profile"])))
        )
        assert errors(by_get) == errors(by_post)
        assert ("required", "Observation.category") in errors(by_get)


async def test_what_is_marked_must_support_and_not_there_is_told_where_that_is_asked(idle_client: Client) -> None:
    asked = {"profile": f"{URL}bodyweight"}
    for more, expected in (({}, False), ({"must-support": "true"}, True), ({"must-support": "false"}, False)):
        issue = await found(idle_client, "Observation/$validate", params=asked | more, json=observation())
        told = [one for one in issue if "must-support" in one["diagnostics"]]
        assert bool(told) is expected
        assert {one["severity"] for one in told} <= {"information"}
    refused = await idle_client.post("/fhir/Observation/$validate?must-support=perhaps", json=observation())
    assert refused.status_code == 400
