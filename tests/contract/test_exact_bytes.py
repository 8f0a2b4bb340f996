"""What comes in goes out, byte for byte, id and meta aside."""

from __future__ import annotations

import pytest

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import MalformedContent
from fhir_service.storage.repository import Create, Repository

MEMBERS = [
    b'"valueQuantity":{"value":1.00,"unit":"mL"}',
    b'"valueQuantity":{"value":1e2}',
    b'"valueQuantity":{"value":-0.0}',
    b'"valueQuantity":{"value":123456789012345678901234567890.123456789}',
    b'"z":1,"a":2,"m":{"y":1,"b":2}',
    b'"extension":[{"url":"http://nobody.example/knows","valueString":"x"}]',
    '"note":[{"text":"Wirbelkörper — 骨セメント 𝄞 \u202e"}]'.encode(),
    rb'"note":[{"text":"\u00e9\u2028 \" \\ \/ \ud834\udd1e \t\n"}]',
    rb'"note":[{"text":"a backslash before u0000: \\u0000"}]',
    b'"_birthDate":{"extension":[{"url":"u","valueCode":"unknown"}]}',
    b'"note":[{"text":"$1 ?1 %s \'; DROP TABLE posting; --"}]',
    b'"note":[{"text":"' + b"long " * 40_000 + b'"}]',
]


@pytest.mark.parametrize("members", MEMBERS, ids=range(len(MEMBERS)))
async def test_every_byte_but_white_space_survives(repository: Repository, members: bytes) -> None:
    sent = b'{"resourceType":"Observation",%s}' % members
    (outcome,) = await repository.commit([Create("Observation", sent)], OPEN)
    for stored in (
        await repository.read("Observation", outcome.id, OPEN),
        await repository.vread("Observation", outcome.id, 1, OPEN),
    ):
        head, _, tail = stored.text.partition(b'Z"},')
        assert tail == members + b"}"
        assert head.startswith(b'{"resourceType":"Observation","id":"%s","meta":{' % outcome.id.encode())


async def test_white_space_between_tokens_goes_and_inside_strings_stays(repository: Repository) -> None:
    sent = b'{\n "resourceType" : "Patient" ,\t"name" : [ { "text" : "a  b" } ]\r\n}'
    (outcome,) = await repository.commit([Create("Patient", sent)], OPEN)
    assert (await repository.read("Patient", outcome.id, OPEN)).text.endswith(b'"name":[{"text":"a  b"}]}')


async def test_meta_keeps_its_place_and_all_but_version_and_time(repository: Repository) -> None:
    sent = b'{"meta":{"profile":["p"],"versionId":"9","tag":[]},"active":true,"resourceType":"Patient"}'
    (outcome,) = await repository.commit([Create("Patient", sent, "one")], OPEN)
    text = (await repository.read("Patient", outcome.id, OPEN)).text
    assert text.startswith(b'{"meta":{"versionId":"1","lastUpdated":"')
    assert text.endswith(b'","profile":["p"],"tag":[]},"active":true,"resourceType":"Patient","id":"one"}')


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (rb'{"resourceType":"Patient","x":"a\u0000b"}', "U\\+0000"),
        (rb'{"resourceType":"Patient","x":"a\\\u0000b"}', "U\\+0000"),
        (b'{"resourceType":"Patient","x":"a\x00b"}', "not JSON"),
        (b'{"resourceType":"Patient","x":"\xff"}', "not JSON"),
        (rb'{"resourceType":"Patient","x":"\udc00"}', "not JSON"),
        (b'{"resourceType":"Patient"', "not JSON"),
        (b"[]", "one JSON object"),
        (b'{"gender":"male"}', "no resourceType"),
        (b'{"resourceType":"Patient","meta":[]}', "meta is one JSON object"),
    ],
)
async def test_what_cannot_be_kept_is_refused_and_nothing_is_stored(
    repository: Repository, sent: bytes, reason: str
) -> None:
    with pytest.raises(MalformedContent, match=reason):
        await repository.commit(
            [Create("Patient", b'{"resourceType":"Patient"}', "good"), Create("Patient", sent)], OPEN
        )
    assert await repository.commit([Create("Patient", b'{"resourceType":"Patient"}', "good")], OPEN)
