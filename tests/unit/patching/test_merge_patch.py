"""JSON Merge Patch, the examples of RFC 7396 appendix A where the target is an object, and digits."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.fhir.errors import MalformedContent
from fhir_service.fhir.json_text import encode, exact_value
from fhir_service.patching.merge_patch import merge_patch


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        (b'{"a":"b"}', {"a": "c"}, b'{"a":"c"}'),
        (b'{"a":"b"}', {"b": "c"}, b'{"a":"b","b":"c"}'),
        (b'{"a":"b"}', {"a": None}, b"{}"),
        (b'{"a":"b","b":"c"}', {"a": None}, b'{"b":"c"}'),
        (b'{"a":["b"]}', {"a": "c"}, b'{"a":"c"}'),
        (b'{"a":"c"}', {"a": ["b"]}, b'{"a":["b"]}'),
        (b'{"a":{"b":"c"}}', {"a": {"b": "d", "c": None}}, b'{"a":{"b":"d"}}'),
        (b'{"a":[{"b":"c"}]}', {"a": [1]}, b'{"a":[1]}'),
        (b'{"e":null}', {"a": 1}, b'{"e":null,"a":1}'),
        (b"{}", {"a": {"bb": {"ccc": None}}}, b'{"a":{"bb":{}}}'),
        (b'{"v":1.10,"w":{"x":2.00,"y":1}}', {"w": {"y": None}}, b'{"v":1.10,"w":{"x":2.00}}'),
    ],
)
def test_members_replace_those_of_the_resource(target: bytes, patch: dict[str, Any], expected: bytes) -> None:
    assert encode(merge_patch(patch).applied(exact_value(target))) == expected


@pytest.mark.parametrize("document", [[], None, "x", 1])
def test_what_is_no_object_is_malformed(document: Any) -> None:
    with pytest.raises(MalformedContent):
        merge_patch(document)
