"""Files of resources into the store: what is right goes in, what is not is told with its file and line."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from stored_resources import observation, patient

from fhir_service.fhir.access import OPEN, Access
from fhir_service.search.query import parse_query
from fhir_service.storage.repository import Repository
from fhir_service.validation.layers import layers
from fhir_service.workflows.import_check import ImportRules, look_at_all
from fhir_service.workflows.import_files import Imported, import_texts
from fhir_service.workflows.resource_files import LINES, named_files, texts_of

RULES = ImportRules(
    dict(layers(("*=invariants",))), frozenset({"Patient", "Observation"}), "https://x.example/fhir", "http://here/fhir"
)
MOST_BYTES = 10_000


async def imported(
    repository: Repository, *paths: Path, access: Access = OPEN
) -> tuple[Imported, list[tuple[str, int, str]]]:
    """What became of them, and by file and line what was said first."""
    told, said = Imported(), []

    texts = texts_of(named_files(map(str, paths), LINES), max_bytes=MOST_BYTES)
    async for batch in import_texts(repository, texts, partial(look_at_all, rules=RULES), access, workers=0, most=3):
        batch.count(told)
        said.extend(
            (Path(batch.looked[place].file).name, batch.looked[place].line, issues[0].text)
            for place, issues in batch.issues.items()
        )
    return told, said


def counts(told: Imported) -> tuple[int, int, int, int]:
    return told.of("created"), told.of("updated"), told.of("unchanged"), told.refused


def lines(*resources: bytes) -> bytes:
    return b"".join(one + b"\n" for one in resources)


async def found(repository: Repository, kind: str, *pairs: tuple[str, str]) -> list[str]:
    page = await repository.search(parse_query(kind, pairs, base="http://here/fhir"), OPEN)
    return [one.id for one in page.matches]


async def test_a_folder_in_any_order_and_the_same_again(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    about = observation("Patient/a", id="of-a"), observation("http://here/fhir/Patient/b", id="of-b")
    (tmp_path / "1.ndjson").write_bytes(lines(*about) + b"\n  \n" + observation("Patient/z", id="of-none"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "2.ndjson.gz").write_bytes(gzip.compress(lines(patient(id="a"), patient(id="b"))))
    told, said = await imported(repository, tmp_path)
    assert counts(told) == (5, 0, 0, 0)
    assert not said
    assert told.stored == {("created", "Observation"): 3, ("created", "Patient"): 2}
    assert await found(repository, "Observation", ("patient", "b")) == ["of-b"]
    assert counts((await imported(repository, tmp_path))[0]) == (0, 0, 5, 0)
    assert {(await repository.read("Patient", one, OPEN)).version for one in "ab"} == {1}


def wrong(**elements: Any) -> bytes:
    return json.dumps({"resourceType": "Patient", "id": "wrong", **elements}).encode()


async def test_what_is_wrong_is_told_with_its_line_and_the_rest_is_stored(
    repository: Repository, tmp_path: Path
) -> None:
    part = {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]}
    bad = {
        b"{": "not JSON",
        b"[]": "",
        b'{"resourceType":"Patient","id":"x","id":"y"}': "more than once",
        b'{"resourceType":"Patient"}': "no id",
        wrong(id="no id!"): "id",
        wrong(gender="both"): "gender",
        wrong(resourceType="Condition"): "not served",
        wrong(resourceType="Nothing"): "",
        wrong(contact=[{"gender": "male"}]): "a contact of the patient needs",
        wrong(meta=part): "SUBSETTED",
        wrong(id="fixed"): "comes with the service",
        b'{"resourceType":"Patient","id":"deep","x":' + b"[" * 300 + b"]" * 300 + b"}": "nested",
        b"\xff\xfe": "UTF",
        wrong(language="x" * MOST_BYTES): "larger than",
    }
    file = tmp_path / "some.ndjson"
    file.write_bytes(lines(patient(id="first"), *bad, patient(id="last")))
    access = Access(fixed=frozenset({("Patient", "fixed")}))
    told, said = await imported(repository, file, access=access)
    assert counts(told) == (2, 0, 0, len(bad))
    assert [line for _, line, _ in sorted(said)] == list(range(2, len(bad) + 2))
    for (_, line, text), reason in zip(sorted(said), bad.values(), strict=True):
        assert reason in text, line
    assert sorted(await found(repository, "Patient")) == ["first", "last"]


async def test_a_file_that_is_cut_off_or_not_there_is_told_and_the_others_are_stored(
    repository: Repository, tmp_path: Path
) -> None:
    whole = gzip.compress(lines(*(patient(id=f"p{number}", language=f"l{number * 7919}") for number in range(500))))
    (tmp_path / "1.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "2.ndjson").write_bytes(patient(id="other"))
    told, said = await imported(repository, tmp_path, tmp_path / "none.ndjson")
    assert [(file, text.partition(" (")[0]) for file, _, text in said] == [
        ("1.ndjson.gz", "the gzip data is damaged or cut off"),
        ("none.ndjson", "it cannot be read"),
    ]
    assert told.refused == 2
    assert told.of("created") > 100
    assert await found(repository, "Patient", ("_id", "other")) == ["other"]


async def test_one_that_the_database_does_not_take_keeps_out_none_of_the_others(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = repository.load

    async def refusing(batch: Any, access: Access) -> Any:
        if any(one.id == "p3" for one in batch):
            raise ArithmeticError
        return await load(batch, access)

    monkeypatch.setattr(repository, "load", refusing)
    file = tmp_path / "some.ndjson"
    file.write_bytes(lines(*(patient(id=f"p{number}") for number in range(9))))
    told, said = await imported(repository, file)
    assert counts(told) == (8, 0, 0, 1)
    assert said == [("some.ndjson", 4, "it cannot be stored, by a fault of ours; the log says why")]
