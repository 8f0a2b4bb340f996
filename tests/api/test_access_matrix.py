"""Every route, asked with tokens of twelve scopes: nothing comes back, and nothing changes, that is not covered.

What a scope covers is written down here anew, as types, letters and ids; none of it is taken from the code.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from api_client import Client
from smart_client import JWKS, secured, token

from fhir_service.api.interaction import Interaction
from fhir_service.api.routes import INTERACTIONS
from fhir_service.fhir.access import OPEN
from fhir_service.search.query import parse_query
from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.repository import Change, Delete, Key, Repository, Update, open_repository


class Leave(NamedTuple):
    """Leave to do some letters with a type, `*` for all; with the resources of some ids, or with all (none named)."""

    type: str
    letters: str
    ids: frozenset[str] = frozenset()


INSIDE = frozenset({"in", "far"})
"""Of the Observations those with the code `in`."""
SCOPES: dict[str, tuple[Leave, ...]] = {
    "system/*.cruds": (Leave("*", "cruds"),),
    "system/*.read": (Leave("*", "rs"),),
    "system/*.s": (Leave("*", "s"),),
    "system/Patient.rs": (Leave("Patient", "rs"),),
    "system/Observation.*": (Leave("Observation", "cruds"),),
    "system/Observation.rs?code=in": (Leave("Observation", "rs", INSIDE),),
    "system/Observation.cruds?code=in system/Patient.rs": (
        Leave("Observation", "cruds", INSIDE),
        Leave("Patient", "rs"),
    ),
    "system/Patient.rs?_id=in system/Observation.rs": (
        Leave("Patient", "rs", frozenset({"in"})),
        Leave("Observation", "rs"),
    ),
    "system/Observation.r system/Patient.s": (Leave("Observation", "r"), Leave("Patient", "s")),
    "system/Observation.write": (Leave("Observation", "cud"),),
    "system/Device.rs system/Provenance.rs system/Bundle.cruds": (
        Leave("Device", "rs"),
        Leave("Provenance", "rs"),
        Leave("Bundle", "cruds"),
    ),
    "system/ValueSet.rs system/CodeSystem.rs system/StructureMap.rs system/ConceptMap.rs": tuple(
        Leave(kind, "rs") for kind in ("ValueSet", "CodeSystem", "StructureMap", "ConceptMap")
    ),
}
FREE, TOKEN = "free", "token"
NEEDED: dict[str, str] = {
    **dict.fromkeys(("read", "vread", "history-instance", "everything", "meta"), "r"),
    **dict.fromkeys(("lookup", "subsumes", "expand", "validate-code", "translate", "transform", "extract"), "r"),
    **dict.fromkeys(("search-type", "search-compartment", "history-type", "lastn", "research-view"), "s"),
    **dict.fromkeys(("search-system", "history-system", "export"), "s"),
    "create": "c",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "meta-add": "u",
    "meta-delete": "u",
    **dict.fromkeys(("validate", "submit-report", "registryUpload"), "c"),
    **dict.fromkeys(("transaction", "batch", "upload-status", "upload-outcomes", "upload-drop"), TOKEN),
    **dict.fromkeys(("export-status", "export-file", "export-drop"), TOKEN),
    "import": "c",
    **dict.fromkeys(("import-status", "import-errors", "import-drop"), TOKEN),
    "capabilities": FREE,
}
"""By the code of a route the letter without which it is 403; a new route needs a line here."""
ON_OTHERS = {"extract": "Questionnaire", "registryUpload": "Bundle", "submit-report": "Patient"}
"""Routes whose path does not say which type the letter is for."""
SAMPLES = ("Patient", "Observation")
"""Types that routes for all types are tried with."""
QUERIES = (
    "",
    "_include=*&_revinclude=*",
    "_summary=count",
    "_total=accurate&_sort=-_lastUpdated&_elements=identifier,policy",
)
_TAG = b'{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"t"}]}}]}'
_POSTED = {
    "form": ("application/x-www-form-urlencoded", b""),
    "patch": ("application/json-patch+json", b'[{"op":"add","path":"/language","value":"de"}]'),
    "parameters": ("application/fhir+json", b'{"resourceType":"Parameters"}'),
}


def mark(key: Key) -> str:
    """What stands in one resource and in no other."""
    return f"mark-{key[0]}-{key[1]}-"


def held() -> Iterator[tuple[Key, dict[str, Any]]]:
    """All that the store holds."""
    for patient_id in ("in", "out"):
        yield ("Patient", patient_id), {}
    for observation_id, patient_id in (("in", "in"), ("out", "in"), ("far", "out")):
        code = "out" if observation_id == "out" else "in"
        subject = {"reference": f"Patient/{patient_id}"}
        more = {"status": "final", "code": {"coding": [{"code": code}]}, "subject": subject}
        device = {"device": {"reference": "Device/in"}, "effectiveDateTime": "2024-05-01"}
        yield ("Observation", observation_id), {**more, **device}
    yield ("Device", "in"), {}
    yield ("Condition", "in"), {"subject": {"reference": "Patient/in"}}
    subject = {"reference": "Patient/in"}
    yield ("AdverseEvent", "in"), {"actuality": "actual", "subject": subject}
    targets = [{"reference": "Observation/in"}, {"reference": "Patient/out"}]
    agent = [{"who": {"display": "somebody"}}]
    yield ("Provenance", "in"), {"target": targets, "recorded": "2024-05-01T00:00:00Z", "agent": agent}


def text_of(key: Key, elements: dict[str, Any]) -> bytes:
    identifier: Any = {"value": mark(key)}
    named = {"identifier": identifier if key[0] == "AdverseEvent" else [identifier]}
    if key[0] == "Provenance":
        named = {"policy": [f"urn:{mark(key)}"]}
    return json.dumps({"resourceType": key[0], "id": key[1], **named, **elements}).encode()


STORED = {key: text_of(key, elements) for key, elements in held()}


@pytest_asyncio.fixture(scope="module")
async def store(lasting_database: Callable[[str], str]) -> AsyncIterator[Repository]:
    opened = await open_repository(lasting_database("sqlite"))
    for client_id in ("anybody", "another"):
        await opened.clients.add(Registered(client_id, "", "system/*.cruds", jwks=json.dumps(JWKS)))
    await opened.commit(as_it_was(STORED), OPEN)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="module")
async def service(store: Repository, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    async with secured(store, audit="off", export_files=str(tmp_path_factory.mktemp("exports"))) as client:
        yield client


def as_it_was(keys: Iterable[Key]) -> list[Change]:
    return [Update(*key, STORED[key], if_changed=True) for key in keys]


def may(scope: str, letter: str, key: Key) -> bool:
    return any(
        letter in leave.letters and leave.type in ("*", key[0]) and (not leave.ids or key[1] in leave.ids)
        for leave in SCOPES[scope]
    )


def may_some(scope: str, letter: str, kind: str) -> bool:
    """With resources of a type at all; of some type at all, where none is named."""
    return any(letter in leave.letters and (not kind or leave.type in ("*", kind)) for leave in SCOPES[scope])


class Asked(NamedTuple):
    """One request of a route: what it is about, where it says so, and how it is sent."""

    row: Interaction
    kind: str
    id: str
    path: str

    @property
    def letter(self) -> str:
        return "r" if self.row.code == "validate" and self.id else NEEDED[self.row.code]

    @property
    def searched(self) -> str:
        """The type that the letter is for."""
        if "{member}" in self.row.path:
            return "Observation"
        if self.row.code == "export":
            return ""  # whichever types the scope covers; of which Groups, the registration of the client says
        return ON_OTHERS.get(self.row.code, self.kind)


def requests(row: Interaction) -> Iterator[Asked]:
    kinds: Iterable[str] = (row.own_type,)
    if row.path.startswith("{type}"):
        kinds = [kind for kind in SAMPLES if row.types is None or kind in row.types] or sorted(row.types or ())
    for kind in kinds:
        for resource_id in ("in", "out") if "{id}" in row.path else ("",):
            path = (
                row.path.replace("{type}", kind)
                .replace("{id}", resource_id)
                .replace("{version}", "1")
                .replace("{file}", "1")
            )
            yield Asked(row, kind, resource_id, path.replace("{member}", "Observation"))


EVERY_REQUEST = [asked for row in INTERACTIONS for asked in requests(row)]


async def sent(service: Client, asked: Asked, header: dict[str, str], query: str = "") -> httpx.Response:
    row = asked.row
    content_type, body = _POSTED.get(row.body, ("application/fhir+json", b""))
    if row.code in ("meta-add", "meta-delete"):
        body = _TAG
    if row.body in ("resource", "bundle"):
        body = resource_for(asked)
    if row.path == "{type}" and row.code in ("update", "patch", "delete"):
        query = f"identifier={mark((asked.kind, 'in'))}"
    if row.body == "form":
        body, query = query.encode(), ""
    url = f"/fhir/{asked.path}{f'?{query}' if query else ''}"
    return await service.request(row.method, url, content=body, headers={**header, "content-type": content_type})


def resource_for(asked: Asked) -> bytes:
    if asked.row.body == "bundle":
        entries = [
            {"request": {"method": "GET", "url": url}} for url in ("Observation/out", "Observation", "Patient/in")
        ]
        return json.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}).encode()
    key = (asked.kind, asked.id or "in")
    if key not in STORED:
        return json.dumps({"resourceType": asked.kind or "Parameters"}).encode()
    own = {"id": key[1], "identifier": json.loads(STORED[key]).get("identifier")}
    changed = json.loads(STORED[asked.kind, "in"]) | {"language": "fr", **own}
    if asked.row.code == "create":
        changed.pop("id")
        changed["identifier"] = [{"value": "new"}]
    return json.dumps(changed).encode()


def told_of(answer: httpx.Response) -> set[Key]:
    """The stored resources whose content stands in an answer."""
    return {key for key in STORED if mark(key) in answer.text}


def test_every_route_has_a_line_here_and_says_what_it_needs() -> None:
    assert {row.code for row in INTERACTIONS} == NEEDED.keys()
    assert [f"{row.method} {row.path}" for row in INTERACTIONS if row.needs is None] == []
    assert [row.code for row in INTERACTIONS if row.needs is not None and not row.needs.token] == ["capabilities"]
    assert len(SCOPES) == 12


@pytest.mark.parametrize("scope", SCOPES)
async def test_no_route_gives_or_changes_what_the_scope_does_not_cover(
    service: Client, store: Repository, scope: str
) -> None:
    header = await token(service, "anybody", scope)
    for asked in EVERY_REQUEST:
        answer = await sent(service, asked, header)
        where = f"{asked.row.method} {asked.path} with {scope}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code < 500, where
        allowed = asked.letter in (FREE, TOKEN) or may_some(scope, asked.letter, asked.searched)
        assert allowed or answer.status_code == 403, where
        letters = asked.letter if asked.letter in ("r", "s") and asked.row.code != "everything" else "rs"
        covered = {key for key in STORED if any(may(scope, letter, key) for letter in letters)}
        # The answer to a write is what was sent, or what the caller may read.
        assert told_of(answer) <= covered, where
        if asked.letter in ("r", "u", "d") and (key := (asked.kind, asked.id)) in STORED:
            inside = may(scope, asked.letter, key)
            # What $validate says of a body depends on the body alone, wherever it is sent.
            if not inside and not (asked.row.code == "validate" and asked.row.method == "POST"):
                assert answer.status_code == (404 if allowed else 403), where
            if inside and asked.row.code in ("read", "vread", "history-instance"):
                assert told_of(answer) == {key}, where
        if asked.row.method != "GET":
            await assert_only_changed(store, scope, where)
        if answer.status_code == 201:
            kind, new_id = answer.headers["location"].removeprefix("http://localhost/fhir/").split("/")[:2]
            await store.commit([Delete(kind, new_id)], OPEN)


async def assert_only_changed(store: Repository, scope: str, where: str) -> None:
    """What is not as it was may be changed under the scope; then it is put back."""
    now = await store.newest(list(STORED), OPEN)
    changed = [
        key
        for key in STORED
        if json.loads(now[key].text or b"{}") | {"meta": 0} != json.loads(STORED[key]) | {"meta": 0}
    ]
    for key in changed:
        assert may(scope, "d" if now[key].deleted else "u", key), where
    if changed:
        await store.commit(as_it_was(changed), OPEN)


@pytest.mark.parametrize("scope", SCOPES)
async def test_no_search_finds_counts_or_includes_what_the_scope_does_not_cover(service: Client, scope: str) -> None:
    header = await token(service, "anybody", scope)
    for asked in EVERY_REQUEST:
        if not asked.row.code.startswith("search") or asked.kind == "AuditEvent":
            continue
        for query in QUERIES:
            answer = await sent(service, asked, header, query)
            where = f"{asked.row.method} {asked.path}?{query} with {scope}: {answer.status_code} {answer.text[:300]}"
            found = {key for key in findable(asked) if may(scope, "s", key)}
            assert told_of(answer) <= {key for key in STORED if may(scope, "s", key)}, where
            if may_some(scope, "s", asked.searched):
                assert answer.status_code == 200, where
                assert answer.json().get("total", len(found)) == len(found), where
                assert query not in ("", *QUERIES[3:]) or told_of(answer) == found, where
            else:
                assert answer.status_code == 403, where


def findable(asked: Asked) -> set[Key]:
    """What a search without parameters is about."""
    if "{member}" in asked.row.path:
        return {("Observation", one) for one in (("in", "out") if asked.id == "in" else ("far",))}
    return {key for key in STORED if asked.kind in ("", key[0])}


@pytest.mark.parametrize(
    ("scope", "query", "status"),
    [
        ("system/Observation.rs", "Observation?patient.identifier=x", 403),
        ("system/Observation.rs", "Observation?_has:Provenance:target:recorded=ge2000", 403),
        ("system/Observation.rs", "Observation?_include=Observation:patient", 403),
        ("system/Observation.rs", "Observation?_include=Observation:subject:Patient", 403),
        ("system/Observation.rs", "Observation?_revinclude=Provenance:target", 403),
        ("system/Observation.rs", "?_type=Observation,Patient", 403),
        ("system/Observation.rs", "Patient/in/Condition", 403),
        ("system/Observation.rs", "?_type=Observation", 200),
        ("system/Observation.rs", "Observation?patient=in", 200),
        ("system/Observation.rs", "Patient/in/Observation", 200),
        ("system/Observation.rs system/Patient.rs", "Observation?_include=Observation:subject", 200),
        ("system/Observation.rs system/Patient.r", "Observation?_include=Observation:subject", 403),
        ("system/Observation.rs system/Patient.r", "Observation?patient.identifier=x", 403),
    ],
)
async def test_a_search_that_reaches_out_of_the_scope_is_refused(
    service: Client, scope: str, query: str, status: int
) -> None:
    answer = await service.get(f"/fhir/{query}", headers=await token(service, "anybody", scope))
    assert answer.status_code == status, answer.text


async def test_a_file_of_submissions_is_there_for_its_sender_only(service: Client) -> None:
    sender, another = [await token(service, one, "system/*.cruds") for one in ("anybody", "another")]
    headers = {**sender, "content-type": "application/fhir+ndjson", "prefer": "respond-async"}
    taken = await service.post("/fhir/$registryUpload", content=b'{"resourceType":"Bundle"}\n', headers=headers)
    assert taken.status_code == 202, taken.text
    address = taken.headers["content-location"]
    for path in ("", "/_outcomes"):
        assert (await service.get(f"{address}{path}", headers=another)).status_code == 404
        assert (await service.get(f"{address}{path}", headers=sender)).status_code in (200, 202)
    assert (await service.delete(address, headers=another)).status_code == 404
    assert (await service.delete(address, headers=sender)).status_code == 202


async def test_each_entry_of_a_bundle_is_judged_by_itself(service: Client, store: Repository) -> None:
    header = await token(service, "anybody", "system/Observation.cruds?code=in")
    before = await store.count(parse_query("Patient", []), OPEN)
    sound = json.loads(STORED["Observation", "in"])
    outside = json.loads(STORED["Observation", "out"])
    entries: list[tuple[str, str, dict[str, Any] | None, str]] = [
        ("GET", "Observation/in", None, "200"),
        ("GET", "Observation/out", None, "404"),
        ("GET", "Patient/in", None, "403"),
        ("GET", "Observation?patient.identifier=x", None, "403"),
        ("PUT", "Observation/in", sound, "200"),
        ("PUT", "Observation/out", {**sound, "id": "out"}, "404"),
        ("PUT", "Observation/in", {**outside, "id": "in"}, "403"),
        ("POST", "Patient", {"resourceType": "Patient"}, "403"),
        ("DELETE", "Observation/out", None, "404"),
        ("DELETE", "Patient/in", None, "403"),
    ]
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [
            {"request": {"method": method, "url": url}, **({"resource": resource} if resource else {})}
            for method, url, resource, _ in entries
        ],
    }
    answer = await service.post("/fhir", json=bundle, headers=header)
    told = [entry["response"]["status"][:3] for entry in answer.json()["entry"]]
    assert told == [status for *_, status in entries]
    assert told_of(answer) <= {("Observation", "in"), ("Observation", "far")}
    bundle["type"] = "transaction"
    for number in (7, 9):
        refused = await service.post("/fhir", json={**bundle, "entry": [bundle["entry"][number]]}, headers=header)
        assert refused.status_code == 403, refused.text
    assert await store.count(parse_query("Patient", []), OPEN) == before
