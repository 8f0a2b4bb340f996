"""$export by the rules of Bulk Data Access 3.0.0: kick-off, status, manifest, files, end."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from api_client import BASE, Client, issues, observation, patient
from bulk_client import (
    ASYNC,
    bulk_client,
    deleted_of,
    exported,
    finished,
    keys_of,
    kicked_off,
    lines_of,
    manifest_of,
    put,
)

from fhir_service.storage.repository import Repository


@pytest_asyncio.fixture
async def bulk(repository: Repository, tmp_path: Path) -> AsyncIterator[Client]:
    async with bulk_client(repository, tmp_path / "exports", export_file_bytes=2000) as client:
        yield client


def parameters(**named: Any) -> dict[str, Any]:
    """`_type="a"` is a string; `patient=["1"]` are references."""
    made: list[dict[str, Any]] = []
    for name, value in named.items():
        if name == "patient":
            made += [{"name": name, "valueReference": {"reference": f"Patient/{one}"}} for one in value]
        else:
            made.append({"name": name, ("valueInstant" if name == "_since" else "valueString"): value})
    return {"resourceType": "Parameters"} | ({"parameter": made} if made else {})


def group(*members: str, **more: Any) -> dict[str, Any]:
    listed = [{"entity": {"reference": f"Patient/{one}"}} for one in members]
    return {"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": listed, **more}


async def posted(client: Client, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    content = {"json": body} if body is not None else {}
    return await client.post(f"/fhir/{path}", headers=ASYNC | headers, **content)


@pytest.mark.rule("BULK-FILE-1", "BULK-FILE-2", "BULK-MAN-3", "BULK-FILE-8", "BULK-ST-1", "BULK-ST-6")
async def test_a_system_export_gives_every_resource_once_as_its_stored_bytes(bulk: Client) -> None:
    made = [patient(id=f"p{number}") for number in range(3)]
    made += [observation(f"p{number % 3}", id=f"o{number}", valueQuantity={"value": number}) for number in range(40)]
    await put(bulk, *made)
    manifest = await exported(bulk, "$export")
    assert await keys_of(bulk, manifest) == sorted(f"{one['resourceType']}/{one['id']}" for one in made)
    assert {"transactionTime", "request", "requiresAccessToken", "output", "error"} <= manifest.keys()
    assert manifest["request"] == f"{BASE}/$export"
    assert len([item for item in manifest["output"] if item["type"] == "Observation"]) > 1  # a type in several files
    stored = (await bulk.get("/fhir/Observation/o7")).content
    files = [(await bulk.get(item["url"])).content for item in manifest["output"]]
    assert sum(stored in file.split(b"\n") for file in files) == 1


async def test_an_empty_store_gives_an_empty_output(bulk: Client) -> None:
    manifest = await exported(bulk, "$export")
    assert (manifest["output"], manifest["error"], manifest["deleted"]) == ([], [], [])


@pytest.mark.rule("BULK-KO-1", "BULK-KO-5")
async def test_it_is_begun_by_get_by_post_with_parameters_and_by_post_without_a_body(bulk: Client) -> None:
    await put(bulk, patient(id="p"), observation("p", id="o"))
    for path in ("$export", "Patient/$export"):
        assert len(await keys_of(bulk, await exported(bulk, path))) == 2
        for body, expected in ((None, 2), (parameters(), 2), (parameters(_type="Patient"), 1)):
            answered = await posted(bulk, path, body)
            assert answered.status_code == 202, answered.text
            manifest = await manifest_of(bulk, answered.headers["content-location"])
            assert len(await keys_of(bulk, manifest)) == expected
            assert manifest["request"] == f"{BASE}/{path}"


@pytest.mark.rule("BULK-KO-10")
async def test_a_patient_export_gives_compartments_with_the_provenance_and_devices_that_explain_them(
    bulk: Client,
) -> None:
    about = {"resourceType": "Provenance", "recorded": "2026-01-01T00:00:00Z"}
    software = [{"who": {"reference": "Device/software"}}]
    await put(
        bulk,
        *(patient(id="p"), {"resourceType": "Device", "id": "software"}, {"resourceType": "Device", "id": "other"}),
        {"resourceType": "Device", "id": "implant", "patient": {"reference": "Patient/p"}},
        *(observation("p", id="mine"), observation(id="nobodys")),
        observation(id="performed", performer=[{"reference": "Patient/p"}]),
        {**about, "id": "told", "target": [{"reference": "Observation/mine"}], "agent": software},
        {**about, "id": "not-told", "target": [{"reference": "Observation/nobodys"}], "agent": software},
    )
    expected = ["Device/implant", "Device/software", "Observation/mine", "Observation/performed"]
    expected += ["Patient/p", "Provenance/told"]
    assert await keys_of(bulk, await exported(bulk, "Patient/$export")) == expected
    only = await exported(bulk, "Patient/$export?_type=Observation,Patient")
    assert await keys_of(bulk, only) == ["Observation/mine", "Observation/performed", "Patient/p"]


@pytest.mark.rule("BULK-GRP-2", "BULK-PAR-5")
async def test_a_group_export_gives_its_members_and_nobody_else(bulk: Client) -> None:
    await put(bulk, *(patient(id=one) for one in "abc"), *(observation(one, id=f"o-{one}") for one in "abc"))
    left = {"entity": {"reference": "Patient/c"}, "inactive": True}
    await put(bulk, {**group("a", "b"), "member": [*group("a", "b")["member"], left]})
    manifest = await exported(bulk, "Group/g/$export")
    assert await keys_of(bulk, manifest) == ["Observation/o-a", "Observation/o-b", "Patient/a", "Patient/b"]
    answered = await posted(bulk, "Group/g/$export", parameters(patient=["b"]))
    manifest = await manifest_of(bulk, answered.headers["content-location"])
    assert await keys_of(bulk, manifest) == ["Observation/o-b", "Patient/b"]
    for path, stranger in (("Group/g/$export", "c"), ("Patient/$export", "nobody")):
        assert (await posted(bulk, path, parameters(patient=[stranger]))).status_code == 400


COHORT = {"code": {"text": "treated"}, "valueBoolean": True, "exclude": False}
NO_LISTS: tuple[dict[str, Any], ...] = (
    {"actual": False, "member": None, "characteristic": [COHORT], "quantity": 12},  # what a report says of a cohort
    {"member": None, "quantity": 12},
    {"type": "device"},
    {"member": [{"entity": {"reference": "Device/d"}}]},
)


async def test_a_group_that_lists_no_patients_is_refused(bulk: Client) -> None:
    for changes in NO_LISTS:
        await put(bulk, {name: value for name, value in (group("a") | changes).items() if value is not None})
        answered = await bulk.get("/fhir/Group/g/$export", headers=ASYNC)
        assert answered.status_code == 422
        assert issues(answered)[0]["expression"][0].startswith("Group.")
    assert (await bulk.get("/fhir/Group/nobody/$export", headers=ASYNC)).status_code == 404


@pytest.mark.rule("BULK-PAR-2", "BULK-MAN-2")
async def test_since_and_until_bound_what_was_written_and_deletions_are_told(bulk: Client) -> None:
    await put(bulk, patient(id="old"), patient(id="gone"), patient(id="changed"))
    first = await exported(bulk, "$export")
    await put(bulk, patient(id="changed", active=True), patient(id="new"), patient(id="back"))
    await bulk.delete("/fhir/Patient/gone")
    await bulk.delete("/fhir/Patient/back")
    await put(bulk, patient(id="back"))
    then = first["transactionTime"]
    second = await exported(bulk, f"$export?_since={then}")
    assert await keys_of(bulk, second) == ["Patient/back", "Patient/changed", "Patient/new"]
    assert await deleted_of(bulk, second) == ["Patient/gone"]
    third = await exported(bulk, f"$export?_since={second['transactionTime']}")
    assert (third["output"], third["deleted"]) == ([], [])
    instant = (await bulk.get("/fhir/Patient/new")).json()["meta"]["lastUpdated"]
    until = await exported(bulk, f"$export?_until={instant}&_type=Patient")
    assert "Patient/old" in await keys_of(bulk, until)
    assert "Patient/new" not in await keys_of(bulk, until)


async def test_deletions_of_a_patient_export_are_those_of_its_compartments(bulk: Client) -> None:
    await put(bulk, patient(id="p"), observation("p", id="mine"), observation(id="nobodys"))
    then = (await exported(bulk, "$export"))["transactionTime"]
    for one in ("Observation/mine", "Observation/nobodys", "Patient/p"):
        await bulk.delete(f"/fhir/{one}")
    manifest = await exported(bulk, f"Patient/$export?_since={then}")
    assert await deleted_of(bulk, manifest) == ["Observation/mine", "Patient/p"]


@pytest.mark.rule("BULK-PAR-7")
async def test_type_filters_are_ored_and_leave_other_types_whole(bulk: Client) -> None:
    codes = ("cement-volume", "vas-pain-score", "other")
    await put(bulk, patient(id="p"), *(observation("p", code, id=code) for code in codes))
    filters = "&".join(f"_typeFilter=Observation%3Fcode%3D{code}" for code in codes[:2])
    manifest = await exported(bulk, f"$export?_type=Observation,Patient&{filters}")
    assert await keys_of(bulk, manifest) == ["Observation/cement-volume", "Observation/vas-pain-score", "Patient/p"]


@pytest.mark.rule("BULK-PAR-4")
async def test_elements_are_cut_and_tagged_and_mandatory_ones_stay(bulk: Client) -> None:
    await put(bulk, patient(id="p", gender="female", active=True), observation("p", id="o", valueString="x"))
    found = await lines_of(bulk, await exported(bulk, "$export?_elements=id,Patient.gender"))
    by_type = {one["resourceType"]: one for one in found}
    assert by_type["Patient"].keys() == {"resourceType", "id", "meta", "gender"}
    assert by_type["Observation"].keys() == {"resourceType", "id", "meta", "status", "code"}
    assert all(one["meta"]["tag"][-1]["code"] == "SUBSETTED" for one in found)


async def test_relevant_provenance_comes_with_types_that_leave_it_out(bulk: Client) -> None:
    agent = [{"who": {"display": "x"}}]
    about = {"resourceType": "Provenance", "recorded": "2026-01-01T00:00:00Z", "agent": agent}
    await put(
        bulk,
        *(patient(id="p"), observation("p", id="o")),
        {**about, "id": "of-o", "target": [{"reference": "Observation/o"}]},
        {**about, "id": "of-p", "target": [{"reference": "Patient/p"}]},
    )
    query = "_type=Observation&includeAssociatedData=RelevantProvenanceResources"
    for level in ("", "Patient/"):
        found = await keys_of(bulk, await exported(bulk, f"{level}$export?{query}"))
        assert found == ["Observation/o", "Provenance/of-o"]


UNSUPPORTED = (
    *("_outputFormat=text/csv", "organizeOutputBy=Account", "_typo=x"),
    *("_typeFilter=Observation%3F_sort%3Ddate", "_typeFilter=Observation%3Fsubject.name%3Dx"),
    *("_typeFilter=Observation%3Fnothing%3Dx", "includeAssociatedData=_custom", "_type=Patient,Account"),
)


@pytest.mark.rule("BULK-PAR-8", "BULK-KO-6", "BULK-PAR-3")
async def test_what_is_not_supported_is_refused(bulk: Client) -> None:
    for query in UNSUPPORTED:
        answered = await bulk.get(f"/fhir/$export?{query}", headers=ASYNC)
        assert answered.status_code == 400, query
        assert issues(answered)[0]["expression"] == [f"http.{query.partition('=')[0]}"]


@pytest.mark.rule("BULK-KO-4", "BULK-ST-7")
async def test_with_leniency_an_export_runs_without_what_is_not_supported_and_says_so(bulk: Client) -> None:
    await put(bulk, patient(id="p"))
    lenient = {"prefer": "respond-async, handling=lenient"}
    addresses = [await kicked_off(bulk, f"$export?{query}", **lenient) for query in UNSUPPORTED]
    for query, address in zip(UNSUPPORTED, addresses, strict=True):
        manifest = await manifest_of(bulk, address)
        told = await lines_of(bulk, manifest, "error")
        assert [one["issue"][0]["severity"] for one in told] == ["warning"]
        assert query.partition("=")[0] in told[0]["issue"][0]["diagnostics"]
        assert await keys_of(bulk, manifest) == ["Patient/p"]


async def test_what_cannot_be_read_is_refused_even_with_leniency(bulk: Client) -> None:
    for query in ("_since=yesterday", "_type=Nonsense", "_typeFilter=Observation", "_until=1"):
        answered = await bulk.get(f"/fhir/$export?{query}", headers={"prefer": "respond-async, handling=lenient"})
        assert answered.status_code == 400, query
        assert issues(answered)[0]["expression"] == [f"http.{query.partition('=')[0]}"]


async def test_types_outside_the_patient_compartment_and_patients_at_system_level_are_refused(bulk: Client) -> None:
    for path in ("Patient/$export?_type=ValueSet", "Patient/$export?_type=Group"):
        assert (await bulk.get(f"/fhir/{path}", headers=ASYNC)).status_code == 400
    assert (await posted(bulk, "$export", parameters(patient=["p"]))).status_code == 400


@pytest.mark.rule("BULK-DEL-1", "BULK-DEL-2")
async def test_a_deleted_export_is_not_found_any_more_and_neither_are_its_files(bulk: Client) -> None:
    await put(bulk, patient(id="p"))
    address = await kicked_off(bulk, "$export")
    manifest = await manifest_of(bulk, address)
    assert (await bulk.delete(address)).status_code == 202
    for url in (address, manifest["output"][0]["url"]):
        gone = await bulk.get(url)
        assert gone.status_code == 404
        assert issues(gone)
    assert (await bulk.delete(address)).status_code == 404


@pytest.mark.rule("BULK-KO-3")
async def test_status_can_be_told_apart_from_the_status_of_asking(bulk: Client) -> None:
    headers = ASYNC | {"prefer": "respond-async, separate-export-status"}
    begun = await bulk.get("/fhir/$export", headers=headers)
    assert begun.headers["preference-applied"] == "respond-async, separate-export-status"
    address = begun.headers["content-location"]
    seen = []
    while (answered := await bulk.get(address)).headers["x-export-status"] == "202 Accepted":
        seen.append(answered.status_code)
        await asyncio.sleep(0.005)
    assert set(seen) <= {200}
    assert (answered.status_code, answered.headers["x-export-status"]) == (200, "200 OK")
    assert answered.json()["output"] == []
    assert answered.headers["expires"].endswith("GMT")


@pytest.mark.rule("BULK-FILE-4")
async def test_files_come_gzipped_or_as_they_are_whole_or_in_ranges_and_never_change(bulk: Client) -> None:
    await put(bulk, *(patient(id=f"p{number}") for number in range(5)))
    (item,) = (await exported(bulk, "$export?_type=Patient"))["output"]
    plain = await bulk.get(item["url"], headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert int(plain.headers["content-length"]) == len(plain.content)
    assert "immutable" in plain.headers["cache-control"]
    async with bulk.stream("GET", item["url"], headers={"accept-encoding": "gzip"}) as zipped:
        assert zipped.headers["content-encoding"] == "gzip"
        raw = b"".join([piece async for piece in zipped.aiter_raw()])
    assert gzip.decompress(raw) == plain.content
    size = len(plain.content)
    for wanted, start, end in (("10-19", 10, 20), (f"{size - 5}-", size - 5, size), ("-7", size - 7, size)):
        part = await bulk.get(item["url"], headers={"range": f"bytes={wanted}"})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert part.content == plain.content[start:end]
    beyond = await bulk.get(item["url"], headers={"range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert (await bulk.get(item["url"], headers={"if-none-match": plain.headers["etag"]})).status_code == 304


async def test_no_other_file_than_those_of_the_manifest_can_be_had(bulk: Client) -> None:
    address = await kicked_off(bulk, "$export")
    await finished(bulk, address)
    for name in ("%2e%2e%2f%2e%2e%2fsecret", "nothing.ndjson", "%2e%2e", "%2fetc%2fpasswd"):
        assert (await bulk.get(f"{address}/{name}")).status_code in (403, 404), name


@pytest.mark.rule("BULK-ST-4")
async def test_who_asks_too_often_is_told_when_to_ask_again(repository: Repository, tmp_path: Path) -> None:
    async with bulk_client(repository, tmp_path, export_polls=0.01) as client:
        address = await kicked_off(client, "$export")
        answers = [await client.get(address) for _ in range(12)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert issues(answers[-1])[0]["code"] == "throttled"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.rule("BULK-KO-7")
async def test_a_thousand_kick_offs_at_once_are_bounded_and_logged_and_the_server_stays(
    repository: Repository, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "fhir_service.requests")
    async with bulk_client(repository, tmp_path, max_exports=5, run_jobs=False) as client:
        answers = await asyncio.gather(*(client.get("/fhir/$export", headers=ASYNC) for _ in range(1000)))
        assert (await client.get("/fhir/metadata")).status_code == 200
    statuses = [answered.status_code for answered in answers]
    assert (statuses.count(202), statuses.count(429)) == (5, 995)
    assert sum(getattr(record, "fields", {}).get("status") == 429 for record in caplog.records) == 995
    assert all(int(answered.headers["retry-after"]) > 0 for answered in answers if answered.status_code == 429)


@pytest.mark.rule("BULK-KO-9")
async def test_the_capability_statement_tells_of_the_operations(bulk: Client) -> None:
    statement = (await bulk.get("/fhir/metadata")).json()
    assert "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data" in statement["instantiates"]
    rest = statement["rest"][0]
    held = {one["type"]: one.get("operation", []) for one in rest["resource"]} | {"": rest["operation"]}
    for name, definition in (("", "export"), ("Patient", "patient-export"), ("Group", "group-export")):
        (found,) = [one for one in held[name] if one["name"] == "export"]
        assert found["definition"] == f"http://hl7.org/fhir/uv/bulkdata/OperationDefinition/{definition}"


async def test_a_resource_changed_while_it_is_exported_comes_as_it_was_at_the_transaction_time(
    repository: Repository, tmp_path: Path
) -> None:
    resources = [patient(id=one, gender="male") for one in ("kept", "changed", "gone", "other-gender")]
    filters = "_type=Patient&_typeFilter=Patient%3Fgender%3Dmale"
    async with bulk_client(repository, tmp_path, run_jobs=False) as idle:
        await put(idle, *resources)
        addresses = [await kicked_off(idle, f"{path}_type=Patient") for path in ("$export?", "Patient/$export?")]
        addresses.append(await kicked_off(idle, f"$export?{filters}"))
        await put(idle, patient(id="changed", gender="male", active=True), patient(id="new", gender="male"))
        await put(idle, patient(id="other-gender", gender="female"))
        await idle.delete("/fhir/Patient/gone")
    async with bulk_client(repository, tmp_path) as client:
        last = await exported(client, "$export?_type=Patient")
        for address in addresses:
            found = await lines_of(client, await manifest_of(client, address))
            assert sorted(one["id"] for one in found) == sorted(one["id"] for one in resources)
            assert all(one["meta"]["versionId"] == "1" and one["gender"] == "male" for one in found)
        rest = await exported(client, f"$export?_since={(await manifest_of(client, addresses[0]))['transactionTime']}")
        assert await keys_of(client, rest) == ["Patient/changed", "Patient/new", "Patient/other-gender"]
        assert await deleted_of(client, rest) == ["Patient/gone"]
        assert len(await keys_of(client, last)) == 4


async def test_an_address_that_was_given_to_nobody_is_not_found(bulk: Client) -> None:
    for address in ("/fhir/_export/no-such-job", "/fhir/_export/%2e%2e", "/fhir/_export/%00"):
        assert (await bulk.get(address)).status_code == 404
    assert json.loads((await bulk.get("/fhir/_export/nothing")).content)["resourceType"] == "OperationOutcome"
