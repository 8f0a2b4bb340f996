"""JSON Patch: what each operation does, and why one cannot be done."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_service.fhir.errors import MalformedContent, UnprocessableContent
from fhir_service.fhir.json_text import encode, exact_value
from fhir_service.patching.json_patch import JsonPatch, json_patch, same_json

DOCUMENT = b'{"a":1.10,"list":[1,2,3],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":2,"":0}'


def op(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": name, "path": path, **{key.rstrip("_"): value for key, value in more.items()}}


def after(*operations: dict[str, Any], document: bytes = DOCUMENT) -> Any:
    return json_patch(list(operations)).applied(exact_value(document))


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (op("add", "/new", value=1), b'{"a":1.10,"list":[1,2,3],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":2,"":0,"new":1}'),
        (op("add", "/a", value=2), b'{"a":2,"list":[1,2,3],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":2,"":0}'),
        (op("add", "/list/0", value=9), b'{"a":1.10,"list":[9,1,2,3],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":2,"":0}'),
        (op("add", "/list/3", value=9), b'{"a":1.10,"list":[1,2,3,9],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":2,"":0}'),
        (op("add", "/list/-", value=[]), b'{"a":1.10,"list":[1,2,3,[]],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":2,"":0}'),
        (op("add", "", value={"z": None}), b'{"z":null}'),
        (op("remove", "/deep/b/c"), b'{"a":1.10,"list":[1,2,3],"deep":{"b":{}},"a/b":1,"m~n":2,"":0}'),
        (op("remove", "/list/1"), b'{"a":1.10,"list":[1,3],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":2,"":0}'),
        (op("replace", "/a~1b", value=[1]), b'{"a":1.10,"list":[1,2,3],"deep":{"b":{"c":"x"}},"a/b":[1],"m~n":2,"":0}'),
        (op("replace", "/m~0n", value=5), b'{"a":1.10,"list":[1,2,3],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":5,"":0}'),
        (op("replace", "/", value=5), b'{"a":1.10,"list":[1,2,3],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":2,"":5}'),
        (op("replace", "/list/2", value=5), b'{"a":1.10,"list":[1,2,5],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":2,"":0}'),
        (op("replace", "", value=[]), b"[]"),
        (
            op("move", "/list/0", from_="/list/2"),
            b'{"a":1.10,"list":[3,1,2],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":2,"":0}',
        ),
        (
            op("move", "/c", from_="/deep/b/c"),
            b'{"a":1.10,"list":[1,2,3],"deep":{"b":{}},"a/b":1,"m~n":2,"":0,"c":"x"}',
        ),
        (op("move", "/a", from_="/a"), DOCUMENT),
        (
            op("copy", "/z", from_="/a"),
            b'{"a":1.10,"list":[1,2,3],"deep":{"b":{"c":"x"}},"a/b":1,"m~n":2,"":0,"z":1.10}',
        ),
        (
            op("copy", "/deep/b/c", from_="/deep"),
            b'{"a":1.10,"list":[1,2,3],"deep":{"b":{"c":{"b":{"c":"x"}}}},"a/b":1,"m~n":2,"":0}',
        ),
        (op("test", "/a", value=Decimal("1.1")), DOCUMENT),
        (op("test", "/list", value=[1, 2, Decimal("3.0")]), DOCUMENT),
        (op("test", "/deep", value={"b": {"c": "x"}}), DOCUMENT),
    ],
)
def test_an_operation_changes_what_it_names_and_nothing_else(operation: dict[str, Any], expected: bytes) -> None:
    assert encode(after(operation)) == expected


@pytest.mark.rule("PAT-5")
@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (op("add", "/x/y", value=1), "there is nothing at '/x'"),
        (op("add", "/a/y", value=1), "neither object nor array"),
        (op("add", "/list/4", value=1), "past the end"),
        (op("add", "/list/x", value=1), "is no index"),
        (op("add", "/list/01", value=1), "is no index"),
        (op("add", "/list/-1", value=1), "is no index"),
        (op("add", "/list/99999999999999999999", value=1), "is no index"),
        (op("remove", ""), "the whole cannot be removed"),
        (op("remove", "/x"), "there is nothing at '/x'"),
        (op("remove", "/list/3"), "past the end"),
        (op("remove", "/list/-"), "is no index"),
        (op("remove", "/a/b/c"), "neither object nor array"),
        (op("replace", "/x", value=1), "there is nothing at '/x'"),
        (op("replace", "/list/-", value=1), "is no index"),
        (op("move", "/z", from_="/x"), "there is nothing at '/x'"),
        (op("move", "/deep/b", from_="/deep"), "into itself"),
        (op("move", "/deep", from_=""), "into itself"),
        (op("copy", "/z", from_="/x"), "there is nothing at '/x'"),
        (op("test", "/a", value=Decimal("1.11")), "another one"),
        (op("test", "/a", value="1.10"), "another one"),
        (op("test", "/x", value=None), "there is nothing at '/x'"),
        (op("test", "/list", value=[1, 2]), "another one"),
        (op("test", "/deep", value={"b": {"c": "x"}, "d": 1}), "another one"),
    ],
)
def test_what_cannot_be_done_names_the_operation_and_its_path(operation: dict[str, Any], said: str) -> None:
    with pytest.raises(UnprocessableContent) as caught:
        after(op("test", "/list/0", value=1), operation)
    assert f"operation 1 of the patch ({operation['op']} '{operation['path']}')" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "document",
    [
        {},
        None,
        "x",
        [1],
        [{}],
        [{"op": "add", "path": "/a"}],
        [{"op": "test", "path": "/a"}],
        [{"op": "replace", "path": "/a"}],
        [{"op": "append", "path": "/a", "value": 1}],
        [{"op": ["add"], "path": "/a", "value": 1}],
        [{"op": "remove"}],
        [{"op": "remove", "path": 3}],
        [{"op": "remove", "path": "a"}],
        [{"op": "remove", "path": "/a~2"}],
        [{"op": "remove", "path": "/a~"}],
        [{"op": "move", "path": "/a"}],
        [{"op": "copy", "path": "/a", "from": "b"}],
    ],
)
def test_what_is_no_patch_is_malformed(document: Any) -> None:
    with pytest.raises(MalformedContent):
        json_patch(document)


def test_truth_is_no_number() -> None:
    assert not same_json(True, 1)
    assert not same_json([0], [False])
    assert not same_json(None, False)
    assert same_json(8, Decimal("8.0"))


def test_a_patch_can_be_applied_again_to_another_resource() -> None:
    patch = json_patch([op("add", "/x", value={"n": []}), op("add", "/x/n/-", value=1)])
    assert patch.applied({}) == {"x": {"n": [1]}}
    assert patch.applied({}) == {"x": {"n": [1]}}


def test_a_copy_is_no_second_name_for_the_same_value() -> None:
    assert after(op("copy", "/z", from_="/list"), op("add", "/z/-", value=4), op("test", "/list", value=[1, 2, 3]))


@pytest.mark.parametrize("path", ["/list/-", "/list/0"])
def test_copies_that_double_the_document_over_and_over_are_refused(path: str) -> None:
    doubling = JsonPatch(json_patch([op("copy", path, from_="/list")]).operations * 64)
    with pytest.raises(UnprocessableContent, match=r"copies more than|too deep"):
        doubling.applied(exact_value(DOCUMENT))
