"""JSON is read strictly, and numbers as they were written."""

from decimal import Decimal
from typing import Any

import pytest

from fhir_service.fhir.errors import MalformedContent
from fhir_service.validation.json_text import MAX_DEPTH, read_json


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": [1, 1.10, 1E+2, -0, true, null]}', {"a": [1, Decimal("1.10"), Decimal("1E+2"), 0, True, None]}),
        (b' {"b":"\\u00e9\\/\\ud83d\\ude00"} ', {"b": "é/😀"}),
        (b'{"a":{"x":1},"b":{"x":1}}', {"a": {"x": 1}, "b": {"x": 1}}),
        (b"[]", []),
        (b'"x"', "x"),
        ('{"ü":"ß"}'.encode(), {"ü": "ß"}),
    ],
)
def test_json_is_read_as_it_stands(raw: bytes, value: Any) -> None:
    assert read_json(raw) == value


def test_decimals_keep_their_digits() -> None:
    assert str(read_json(b"1.10")) == "1.10"
    assert str(read_json(b"0.1000000000000000000000001")) == "0.1000000000000000000000001"


def test_nesting_up_to_the_limit_is_read() -> None:
    read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    read_json(b"[" + b"[]," * (2 * MAX_DEPTH) + b"[]]")


@pytest.mark.parametrize(
    ("raw", "rule", "words"),
    [
        (b"", "json", "no content"),
        (b" \n", "json", "no content"),
        (b'{"a":1', "json", "line 1, column 7"),
        (b'{\n"a":1,\n}', "json", "line 3, column 1"),
        (b"{'a':1}", "json", "line 1, column 2"),
        (b'{"a":1} {}', "json", "Extra data"),
        (b'{"a":01}', "json", "line 1"),
        (b'{"a":"\x01"}', "json", "control character"),
        (b'{"a":NaN}', "json", "NaN is not a JSON number"),
        (b'{"a":-Infinity}', "json", "-Infinity is not a JSON number"),
        (b'{"a":1e309}', "json", "a number is beyond"),
        (b'{"a":1e-9999}', "json", "a number is beyond"),
        (b'{"a":1e99999999999999999999}', "json", "a number is beyond"),
        (b'{"a":' + b"9" * 5000 + b"}", "json", "a number is beyond"),
        (b'{"a":"\xff"}', "encoding", "byte 6 of the text is not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "encoding", "byte 6 of the text is not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "encoding", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "encoding", "byte order mark"),
        (b'{"a":"\\ud800"}', "encoding", "without its other half"),
        (b'{"a":"\\udc00 x"}', "encoding", "without its other half"),
        (b'{"a":1,"a":1}', "duplicate-key", "'a' stands more than once in the outermost object"),
        (b'{ "a":[{},{"b":{"c":1,"d":2,"c":3}}]}', "duplicate-key", "'c' stands more than once in a[1].b"),
        (b'{"a":{"b":1,"b":2},"a":{}}', "duplicate-key", "'a' stands more than once in the outermost object"),
        (b'{"a":1,"\\u0061":2}', "duplicate-key", "'a'"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "depth", "deeper than 200"),
        (b"[" * 10_000 + b"]" * 10_000, "depth", "deeper than 200"),
        (b"[" * 10_000, "depth", "deeper than 200"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "depth", "deeper than 200"),
    ],
)
def test_what_leaves_room_for_doubt_is_refused(raw: bytes, rule: str, words: str) -> None:
    with pytest.raises(MalformedContent) as caught:
        read_json(raw)
    (issue,) = caught.value.issues
    assert (issue.severity, issue.rule) == ("fatal", f"structure.{rule}")
    assert words in issue.text


def test_a_key_a_million_times_over_is_refused_too() -> None:
    with pytest.raises(MalformedContent, match="'k' stands more than once"):
        read_json(b"{" + b",".join([b'"k":1'] * 1_000_000) + b"}")
