"""Which slice an item belongs to: discriminators, compiled to yes or no (R4 profiling.html#discriminator).

What a slice expects is looked up in its tree along the path of the discriminator, through the profiles of types and of
reference targets; what an item has is looked up along the same path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fhir_service.validation.profiles.discriminator_paths import Step, select, steps, values_at
from fhir_service.validation.profiles.element_rules import Discriminator, TypeRule
from fhir_service.validation.profiles.errors import BrokenProfile, UnknownProfile
from fhir_service.validation.profiles.instances import Item
from fhir_service.validation.profiles.matching import has_pattern, is_fixed
from fhir_service.validation.profiles.runs import Run
from fhir_service.validation.profiles.trees import Node, core_type
from fhir_service.validation.profiles.type_checks import conforms, target_type
from fhir_service.validation.profiles.value_checks import Check

if TYPE_CHECKING:
    from fhir_service.validation.profiles.registry import ProfileRegistry

Match = Callable[[Item, Run], bool]


class Compiling(Protocol):
    """The profile that is being compiled; `checks` gives those of one of its nodes."""

    url: str
    registry: ProfileRegistry

    def checks(self, node: Node) -> Sequence[Check]: ...


def matcher(nodes: Sequence[Node], discriminator: Discriminator, compiling: Compiling) -> Match | None:
    """Whether an item has what a slice (`nodes`: it, and the slices it is in) expects; None where the profile does not
    tell."""
    registry = compiling.registry
    path = steps(discriminator.path)
    if path is None:
        return None
    expected = list(nodes)
    for at, step in enumerate(path):
        if discriminator.type in ("value", "pattern") and (wanted := _within_values(expected, path[at:])):
            return _has_values(path, wanted)
        if discriminator.type == "profile" and step.name == "resolve" and at == len(path) - 1:
            return _by_target_profile(path, expected, registry)
        expected = [found for node in expected for found in _below(node, step, registry)]
    make = _KINDS.get(discriminator.type)
    return make(path, expected, compiling) if make and expected else None


def _below(node: Node, step: Step, registry: ProfileRegistry) -> Iterator[Node]:
    if step.name == "resolve" and step.is_function:
        yield from _trees([url for rule in node.types for url in rule.target_profiles], registry)
        return
    if step.is_function and step.name in ("ofType", "as"):
        yield from (entry for entry in node.slices.values() if any(rule.code == step.argument for rule in entry.types))
        if any(rule.code == step.argument for rule in node.types):
            yield node
        return
    for tree in (node, *_trees([url for rule in node.types for url in rule.profiles], registry)):
        if step.is_function:
            yield from _extension_slices(tree, step.argument, registry)
            continue
        found = tree.children.get(step.name) or tree.children.get(f"{step.name}[x]")
        if found:
            yield found
            yield from (entry for entry in found.slices.values() if entry.min or found.name.endswith("[x]"))


def _extension_slices(tree: Node, url: str, registry: ProfileRegistry) -> Iterator[Node]:
    for entry in tree.children.get("extension", Node("", "")).slices.values():
        if url in extension_urls(entry, registry):
            yield entry


def extension_urls(node: Node, registry: ProfileRegistry) -> tuple[str, ...]:
    """The urls that an extension of this slice has."""
    url = node.children.get("url")
    if url is not None and url.fixed is not None:
        return (str(url.fixed.value),)
    found = []
    for rule in node.types:
        for profile in rule.profiles:
            tree = next(_trees([profile], registry), None)
            fixed = tree.children["url"].fixed if tree and "url" in tree.children else None
            found.append(str(fixed.value) if fixed else profile.partition("|")[0])
    return tuple(found)


def _trees(urls: Sequence[str], registry: ProfileRegistry) -> Iterator[Node]:
    for url in urls:
        try:
            yield Node(name, name) if (name := core_type(url)) else registry.tree(url)
        except (UnknownProfile, BrokenProfile):
            continue


def _within_values(nodes: Sequence[Node], path: Sequence[Step]) -> list[Any]:
    """What a fixed value or pattern further up has at the end of the path."""
    for node in nodes:
        held = node.fixed or node.pattern
        if held is not None:
            values = [held.value]
            for step in path:
                values = [child for value in values for child in _json_children(value, step)]
            if values:
                return values
    return []


def _json_children(value: Any, step: Step) -> list[Any]:
    found = value.get(step.name) if isinstance(value, dict) and not step.is_function else None
    return found if isinstance(found, list) else [] if found is None else [found]


def _has_values(path: Sequence[Step], wanted: Sequence[Any]) -> Match:
    values_of = values_at(path)

    def match(item: Item, run: Run) -> bool:
        values = values_of(item, run)
        return all(any(has_pattern(value, one) for value in values) for one in wanted)

    return match


def _by_value(path: Sequence[Step], nodes: Sequence[Node], compiling: Compiling) -> Match | None:
    values_of = values_at(path)
    for node in nodes:
        if node.fixed is not None:
            fixed = node.fixed.value
            if isinstance(fixed, str):
                return lambda item, run: fixed in values_of(item, run)
            return lambda item, run: any(is_fixed(value, fixed) for value in values_of(item, run))
        if node.pattern is not None:
            pattern = node.pattern.value
            return lambda item, run: any(has_pattern(value, pattern) for value in values_of(item, run))
    told = [check for node in nodes for check in compiling.checks(node)]
    if not told:
        return None

    def match(item: Item, run: Run) -> bool:
        return any(_passes(found, told, run) for found in select(item, path, run))

    return match


def _passes(item: Item, told: Sequence[Check], run: Run) -> bool:
    def every(trial: Run) -> None:
        for check in told:
            check(item, "", trial)

    return run.passes(every)


def _by_existence(path: Sequence[Step], nodes: Sequence[Node], _: Compiling) -> Match | None:
    if any(node.max == 0 for node in nodes):
        return lambda item, run: not select(item, path, run)
    if any(node.min for node in nodes):
        return lambda item, run: bool(select(item, path, run))
    return None


def _by_type(path: Sequence[Step], nodes: Sequence[Node], _: Compiling) -> Match | None:
    codes = {rule.code for node in nodes for rule in node.types if rule.code not in ("", "Resource")}
    resolved = bool(path) and path[-1].name == "resolve"
    if resolved:
        codes = {node.holder for node in nodes}
    if not codes:
        return None
    return lambda item, run: any(found.type in codes for found in select(item, path, run))


def _by_profile(path: Sequence[Step], nodes: Sequence[Node], _: Compiling) -> Match | None:
    rules: list[TypeRule] = [rule for node in nodes for rule in node.types]
    if not rules:
        return None

    def match(item: Item, run: Run) -> bool:
        return any(_is_of(found, rule, run) for found in select(item, path, run) for rule in rules)

    return match


def _is_of(item: Item, rule: TypeRule, run: Run) -> bool:
    if rule.code not in (item.type, "Resource"):
        return False
    return not rule.profiles or any(conforms(item, url, run.inside(item.value)) for url in rule.profiles)


def _by_target_profile(path: Sequence[Step], nodes: Sequence[Node], registry: ProfileRegistry) -> Match | None:
    by_type = {url: target_type(url, registry) for node in nodes for rule in node.types for url in rule.target_profiles}
    if not by_type:
        return None

    def match(item: Item, run: Run) -> bool:
        for found in select(item, path, run):
            fitting = [url for url, name in by_type.items() if name == found.type]
            if any(found.value is None or conforms(found, url, run.inside(found.value)) for url in fitting):
                return True
        return False

    return match


_KINDS: dict[str, Callable[..., Match | None]] = {
    "value": _by_value,
    "pattern": _by_value,
    "exists": _by_existence,
    "type": _by_type,
    "profile": _by_profile,
}
