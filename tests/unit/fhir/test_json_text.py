from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_service.fhir.errors import MalformedContent
from fhir_service.fhir.json_text import encode, instant, minified, parse, splice, splice_plain

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text('aé\\"/ \n𝄞'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('ab_\\"', min_size=1), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text('xyz\\"', min_size=1), JSON))
def test_members_survive_a_splice_unchanged_and_in_order(members: dict[str, object]) -> None:
    text = encode({"resourceType": "Basic", **members})
    stored = splice(minified(text), "a").text(3, 0)
    head = b'{"resourceType":"Basic","id":"a","meta":{"versionId":"3","lastUpdated":"1970-01-01T00:00:00.000Z"}'
    assert stored == head + text[len(b'{"resourceType":"Basic"') :]


def test_resources_that_differ_only_in_version_and_time_have_equal_splices() -> None:
    sent = minified(b'{"resourceType":"Patient","meta":{"tag":[{"code":"a"}]},"active":true}')
    first = splice(sent, "a")
    assert splice(first.text(1, 0), "a") == first
    assert splice(first.text(7, 5_000), "a") == first
    assert splice(sent, "b") != first
    assert splice(minified(b'{"resourceType":"Patient","meta":{},"active":true}'), "a") != first


@pytest.mark.parametrize(
    "text",
    [
        b'{"resourceType":"Basic"}',
        b'{"resourceType":"Basic","id":"a"}',
        b'{"resourceType":"Basic","id":"a","code":{"text":"x"}}',
        b'{"resourceType":"Basic","code":{"text":"x"}}',
        b'{"resourceType":"Basic","id":"b","code":{}}',
        b'{"resourceType":"Basic","code":{},"id":"a"}',
        b'{"id":"a","resourceType":"Basic"}',
        b'{"resourceType":"Basic","id":"a","meta":{"versionId":"7","tag":[]}}',
        b'{"resourceType":"Basic","meta":{}}',
        rb'{"resourceType":"Basic","\u0069d":"a"}',
        rb'{"resourceType":"B\u0061sic","code":{}}',
    ],
)
def test_with_what_a_text_says_it_is_spliced_alike(text: bytes) -> None:
    assert splice_plain(text, parse(text), "a") == splice(text, "a")


def test_numbers_are_read_exactly_and_written_with_their_digits() -> None:
    assert parse(b'{"a":1.00,"b":1e2,"c":3}') == {"a": Decimal("1.00"), "b": Decimal("1e2"), "c": 3}
    assert encode(parse(b'{"a":1.00,"b":[0.10,-5]}')) == b'{"a":1.00,"b":[0.10,-5]}'


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_an_instant_has_milliseconds_and_is_utc(milliseconds: int, text: str) -> None:
    assert instant(milliseconds) == text


@pytest.mark.parametrize(
    "text", [b"", b"nul", b'{"a":1,}', b'{"a":01}', b'{"a":NaN}', b"[" * 100_000, b'{"a":"\xed\xa0\x80"}']
)
def test_what_is_not_json_in_utf_8_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedContent):
        minified(text)


@pytest.mark.parametrize("text", [b"[]", b'"x"', b"{"])
def test_what_is_not_one_object_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedContent):
        parse(text)
