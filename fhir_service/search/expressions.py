"""Search parameter expressions, compiled against the R4 definitions to plain steps through JSON.

The subset of FHIRPath that HL7's search parameters use: paths, `|`, `as` and `ofType` (of types and, where a resource
is nested, of resources), `where(resolve() is T)`,
`where(name = 'value')`, `where(hasExtension('url'))`, `extension('url')`, and `a.exists() and a != false`. Choice
elements become their JSON properties, so every value comes with its FHIR type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from fhir_service.definitions.elements import (
    Property,
    UnknownElement,
    children,
    is_a,
    is_primitive,
    properties,
    resource_types,
)
from fhir_service.definitions.search_parameters import alternatives
from fhir_service.search.reference_values import target_type

Json = Mapping[str, Any]

_CAST = re.compile(r"\(\s*(?P<inner>[\w.]+)\s+as\s+(?P<type>\w+)\s*\)(?P<rest>.*)")
_PRESENT = re.compile(r"(?P<path>[\w.]+)\.exists\(\)\s+and\s+(?P=path)\s*!=\s*false")
_STEP = re.compile(
    r"\.?(?:(?:as|ofType)\(\s*(?P<type>\w+)\s*\)"
    r"|where\(\s*resolve\(\)\s+is\s+(?P<target>\w+)\s*\)"
    r"|where\(\s*(?P<name>\w+)\s*=\s*'(?P<value>[^']*)'\s*\)"
    r"|where\(\s*hasExtension\(\s*'(?P<having>[^']*)'\s*\)\s*\)"
    r"|extension\(\s*'(?P<url>[^']*)'\s*\)"
    r"|(?P<member>\w+)(?!\())"
)


class UnsupportedExpression(ValueError):
    """An expression outside the subset; its parameter is not offered."""


class Value(NamedTuple):
    """One value an expression gives, with its FHIR type."""

    type: str
    value: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One member of JSON, and which of its items are kept."""

    member: str
    keep: Callable[[Any], bool] | None = field(default=None, compare=False)
    filters: tuple[str, ...] = ()
    """What `keep` keeps, in the words of the expression."""
    target: str = ""
    """The type of the references it keeps, where that is its only filter."""


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the resource to values of one type. `holder` names the definitions of what is below it."""

    steps: tuple[Step, ...]
    type: str
    holder: str
    repeats: bool = False
    value_set: str = ""
    """The value set its codes must be from; empty where none is required."""

    @property
    def target(self) -> str:
        """The one type of the references it leads to; empty where it leads to all."""
        return self.steps[-1].target if self.steps else ""

    @property
    def without_target(self) -> Path:
        """The same path to references of any type."""
        return replace(self, steps=(*self.steps[:-1], Step(self.steps[-1].member))) if self.target else self

    def values(self, resource: Json) -> list[Value]:
        return [Value(self.type, item) for item in self.held(resource)]

    def held(self, element: Any) -> list[Any]:
        """What the JSON of an element holds at the end of the path."""
        if len(self.steps) == 1 and self.steps[0].keep is None:
            child = element.get(self.steps[0].member) if isinstance(element, dict) else None
            if not isinstance(child, list):
                return [] if child is None else [child]
        items: list[Any] = [element]
        for step in self.steps:
            items = _below(items, step.member)
            if step.keep is not None:
                items = [item for item in items if step.keep(item)]
        return items


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression of one resource type."""

    paths: tuple[Path, ...]
    presence: bool = False
    """It asks whether a value is there and not false."""

    @property
    def repeats(self) -> bool:
        """Whether one resource may hold several values."""
        return len({path.steps for path in self.paths}) > 1 or any(path.repeats for path in self.paths)

    def is_present(self, resource: Json) -> bool:
        """Whether a value is there that is not false."""
        return any(value.value is not False for path in self.paths for value in path.values(resource))


def compile_expression(resource_type: str, expression: str) -> Expression:
    """Compile the part of an expression that concerns one resource type. Raises UnsupportedExpression."""
    if present := _PRESENT.fullmatch(expression.strip()):
        return Expression(tuple(_paths(resource_type, present["path"])), presence=True)
    paths = tuple(path for part in alternatives(expression) for path in _paths(resource_type, part))
    if not paths:
        raise UnsupportedExpression(expression)
    return Expression(paths)


def compile_below(path: Path, expression: str) -> tuple[Path, ...]:
    """The paths of an expression that starts at the values of another: of a component of a composite, say. They count
    from there. Raises UnsupportedExpression."""
    start = Path((), path.type, path.holder)
    return tuple(found for part in alternatives(expression) for found in _walk(start, f".{part}", part))


def values_of_extension(path: Path) -> tuple[Path, ...]:
    """The paths to the value of an Extension, one per type it may have."""
    return tuple(_members(path, "value"))


def _paths(resource_type: str, part: str) -> list[Path]:
    text = part.strip()
    while text.startswith("(") and text.endswith(")") and not _CAST.fullmatch(text):
        text = text[1:-1].strip()
    if cast := _CAST.fullmatch(text):
        text = f"{cast['inner']}.as({cast['type']}){cast['rest']}"
    root = re.match(r"\w*", text)[0]  # type: ignore[index]  # an empty text matches as well
    start = Path((), resource_type, resource_type)
    if root.isidentifier() and is_a(resource_type, root):
        return _walk(start, text[len(root) :], part)
    if root[:1].islower() and root in children(resource_type):
        return _walk(start, f".{text}", part)
    raise UnsupportedExpression(part)


def _walk(start: Path, steps: str, part: str) -> list[Path]:
    paths, position = [start], 0
    while position < len(steps):
        step = _STEP.match(steps, position)
        if step is None:
            raise UnsupportedExpression(part)
        paths = [after for path in paths for after in _after(path, step)]
        position = step.end()
    return paths


def _after(path: Path, step: re.Match[str]) -> list[Path]:
    if member := step["member"]:
        return _members(path, member)
    if wanted := step["type"]:
        return _of_type(path, wanted, step[0])
    if target := step["target"]:
        return [_filtered(path, step[0], lambda item: target_type(item) == target, target)]
    if name := step["name"]:
        value = step["value"]
        return [_filtered(path, step[0], lambda item: isinstance(item, dict) and item.get(name) == value)]
    if url := step["having"]:
        return [_filtered(path, step[0], lambda item: _has_extension(item, url))]
    url = step["url"]
    return [_filtered(found, step[0], lambda item: _is_extension(item, url)) for found in _members(path, "extension")]


def _of_type(path: Path, wanted: str, words: str) -> list[Path]:
    if path.type == "Resource" and path.steps and wanted in resource_types():
        kept = _filtered(path, words, lambda item: isinstance(item, dict) and item.get("resourceType") == wanted)
        return [replace(kept, type=wanted, holder=wanted)]
    return [path] if is_a(path.type, wanted) or path.type == _lower_primitive(wanted) else []


def _lower_primitive(name: str) -> str:
    """R4 writes `DateTime` in one place where it means `dateTime`."""
    lower = f"{name[0].lower()}{name[1:]}"
    return lower if is_primitive(lower) else name


def _is_extension(item: Any, url: str) -> bool:
    return isinstance(item, dict) and item.get("url") == url


def _has_extension(item: Any, url: str) -> bool:
    held = item.get("extension") if isinstance(item, dict) else None
    return isinstance(held, list) and any(_is_extension(extension, url) for extension in held)


def _members(path: Path, member: str) -> list[Path]:
    try:
        known = properties(path.holder) if path.holder else {}
        choices = [name for name, entry in known.items() if entry.name == f"{member}[x]"]
        names = [member] if member in known else choices
    except UnknownElement:
        names = []
    if not names:
        raise UnsupportedExpression(f"{path.holder or path.type} has no element {member}")
    return [
        Path(
            (*path.steps, Step(name)),
            known[name].type,
            known[name].holder,
            path.repeats or children(path.holder)[known[name].name].repeats,
            _required_value_set(known[name]),
        )
        for name in names
    ]


def _required_value_set(entry: Property) -> str:
    binding = entry.element.binding
    return binding.value_set if binding is not None and binding.strength == "required" else ""


def _filtered(path: Path, words: str, keep: Callable[[Any], bool], target: str = "") -> Path:
    last = path.steps[-1]
    both = keep if last.keep is None else _both(last.keep, keep)
    only = "" if last.filters else target
    return replace(path, steps=(*path.steps[:-1], Step(last.member, both, (*last.filters, words), only)))


def _both(first: Callable[[Any], bool], second: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda item: first(item) and second(item)


def _below(items: list[Any], member: str) -> list[Any]:
    found: list[Any] = []
    for item in items:
        child = item.get(member) if isinstance(item, dict) else None
        if isinstance(child, list):
            found.extend(element for element in child if element is not None)
        elif child is not None:
            found.append(child)
    return found
