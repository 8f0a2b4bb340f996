"""JSON Patch (RFC 6902) over plain values: numbers keep their digits, members their order.

Our own and not a library's: docs/decisions/patch.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir_service.fhir.errors import MalformedContent, UnprocessableContent
from fhir_service.patching.faults import PatchFault

MOST_COPIED = 100_000
"""Values that the `copy` operations of one patch may make; without a limit each could double the resource."""
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_WRONG_ESCAPE = re.compile(r"~(?![01])")
_ROOT = ""
"""The whole document is the one member of an object, so that the empty pointer is a pointer like the others."""

Pointer = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `path` and `source` are pointers from the object that holds the whole document."""

    name: str
    text: str
    path: Pointer
    source: Pointer = ()
    value: Any = None


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """Operations in their order, all of which are done or none."""

    operations: tuple[Operation, ...]

    @property
    def size(self) -> int:
        """How many operations there are."""
        return len(self.operations)

    def applied(self, resource: dict[str, Any]) -> Any:
        """The document afterwards; `resource` itself is changed on the way and not to be used again.

        Raises UnprocessableContent, which names the operation by its index (from 0) and its path.
        """
        work = _Work({_ROOT: resource})
        for index, operation in enumerate(self.operations):
            try:
                _OPERATIONS[operation.name](work, operation)
            except PatchFault as fault:
                raise _refused(index, operation, str(fault)) from None
            except RecursionError:
                raise _refused(index, operation, "the values are nested too deep") from None
        return work.holder[_ROOT]


def json_patch(document: Any) -> JsonPatch:
    """The patch that a parsed JSON Patch document describes. Raises MalformedContent where it is none."""
    if not isinstance(document, list):
        raise MalformedContent("a JSON Patch is an array of operations (RFC 6902)")
    return JsonPatch(tuple(_operation(index, one) for index, one in enumerate(document)))


def same_json(left: Any, right: Any) -> bool:
    """Equality of RFC 6902 section 4.6: numbers as numbers, true is not 1, the order of members counts for nothing."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same_json(a, b) for a, b in zip(left, right, strict=True))
    return _kind(left) is _kind(right) and bool(left == right)


def _kind(value: Any) -> type:
    return Decimal if type(value) is int else type(value)


class _Work:
    """The document under way, and how much may still be copied."""

    def __init__(self, holder: dict[str, Any]) -> None:
        self.holder = holder
        self._left = MOST_COPIED

    def at(self, pointer: Pointer) -> Any:
        value: Any = self.holder
        for depth, step in enumerate(pointer):
            value = _child(value, step, pointer[: depth + 1])
        return value

    def copied(self, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise PatchFault(f"the patch copies more than {MOST_COPIED:,} values")
        if isinstance(value, dict):
            return {key: self.copied(member) for key, member in value.items()}
        return [self.copied(item) for item in value] if isinstance(value, list) else value


def _child(value: Any, step: str, pointer: Pointer) -> Any:
    if isinstance(value, dict):
        if step not in value:
            raise PatchFault(f"there is nothing at '{_shown(pointer)}'")
        return value[step]
    if isinstance(value, list):
        return value[_index(step, len(value) - 1, pointer)]
    raise PatchFault(f"there is nothing at '{_shown(pointer)}': what holds it is neither object nor array")


def _index(step: str, last: int, pointer: Pointer) -> int:
    if not _INDEX.fullmatch(step):
        raise PatchFault(f"'{_shown(pointer)}' leads into an array, and '{step[:80]}' is no index of it")
    if int(step) > last:
        raise PatchFault(f"'{_shown(pointer)}' is past the end of the array, which has {last + 1} places for it")
    return int(step)


def _add(work: _Work, operation: Operation) -> None:
    _put(work, operation.path, _fresh(operation.value))


def _put(work: _Work, path: Pointer, value: Any) -> None:
    parent, step = work.at(path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[step] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if step == "-" else _index(step, len(parent), path), value)
    else:
        raise PatchFault(f"'{_shown(path[:-1])}' is neither object nor array; nothing can be put into it")


def _remove(work: _Work, operation: Operation) -> None:
    if operation.path == (_ROOT,):
        raise PatchFault("the whole cannot be removed; to delete a resource, use DELETE")
    _taken(work, operation.path)


def _taken(work: _Work, path: Pointer) -> Any:
    parent, step = work.at(path[:-1]), path[-1]
    found = _child(parent, step, path)
    del parent[int(step) if isinstance(parent, list) else step]
    return found


def _replace(work: _Work, operation: Operation) -> None:
    parent, step = work.at(operation.path[:-1]), operation.path[-1]
    _child(parent, step, operation.path)
    parent[int(step) if isinstance(parent, list) else step] = _fresh(operation.value)


def _move(work: _Work, operation: Operation) -> None:
    work.at(operation.source)
    if operation.path == operation.source:
        return
    if operation.path[: len(operation.source)] == operation.source:
        raise PatchFault("a value cannot be moved into itself")
    _put(work, operation.path, _taken(work, operation.source))


def _copy(work: _Work, operation: Operation) -> None:
    _put(work, operation.path, work.copied(work.at(operation.source)))


def _test(work: _Work, operation: Operation) -> None:
    if not same_json(work.at(operation.path), operation.value):
        raise PatchFault("the value there is another one")


_OPERATIONS: dict[str, Callable[[_Work, Operation], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
_WITH_VALUE = frozenset({"add", "replace", "test"})
_WITH_SOURCE = frozenset({"move", "copy"})


def _fresh(value: Any) -> Any:
    """A copy, so that later operations change the document and not the patch."""
    if isinstance(value, dict):
        return {key: _fresh(member) for key, member in value.items()}
    return [_fresh(item) for item in value] if isinstance(value, list) else value


def _operation(index: int, sent: Any) -> Operation:
    if not isinstance(sent, dict):
        raise _malformed(index, "is no object")
    name = sent.get("op")
    if not isinstance(name, str) or name not in _OPERATIONS:
        raise _malformed(index, f"has to have an op out of {', '.join(_OPERATIONS)}")
    if name in _WITH_VALUE and "value" not in sent:
        raise _malformed(index, f"is a {name} and has no value")
    source = _pointer(index, sent, "from") if name in _WITH_SOURCE else ()
    path = _pointer(index, sent, "path")
    return Operation(name, sent["path"], path, source, sent.get("value"))


def _pointer(index: int, sent: dict[str, Any], member: str) -> Pointer:
    """The tokens of a JSON Pointer (RFC 6901), the document's own before them."""
    text = sent.get(member)
    if not isinstance(text, str):
        raise _malformed(index, f"has no {member}, or one that is no text")
    if (text and not text.startswith("/")) or _WRONG_ESCAPE.search(text):
        raise _malformed(index, f"has the {member} '{text[:80]}', which is no JSON Pointer (RFC 6901)")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/"))


def _shown(pointer: Pointer) -> str:
    return "/".join(step.replace("~", "~0").replace("/", "~1") for step in pointer)[:200]


def _malformed(index: int, text: str) -> MalformedContent:
    return MalformedContent(f"operation {index} of the JSON Patch {text}")


def _refused(index: int, operation: Operation, text: str) -> UnprocessableContent:
    return UnprocessableContent(f"operation {index} of the patch ({operation.name} '{operation.text[:200]}'): {text}")
