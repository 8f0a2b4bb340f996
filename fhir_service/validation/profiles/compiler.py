"""A profile's tree to checks: closures over the items of each element, made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fhir_service.definitions.elements import UnknownElement, children, properties
from fhir_service.validation.profiles import wording
from fhir_service.validation.profiles.constraints import invariant_checks
from fhir_service.validation.profiles.errors import BrokenProfile
from fhir_service.validation.profiles.instances import Fetch, Item, fetcher
from fhir_service.validation.profiles.runs import Run
from fhir_service.validation.profiles.slicing import Occurrences, Sliced, sliced
from fhir_service.validation.profiles.trees import Node
from fhir_service.validation.profiles.type_checks import profile_check, target_check, type_check
from fhir_service.validation.profiles.value_checks import Check, value_checks

if TYPE_CHECKING:
    from fhir_service.validation.profiles.registry import ProfileRegistry

_NOTHING: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class CompiledProfile:
    """`check` takes the whole value that is to conform."""

    url: str
    type: str
    checks: Sequence[Check]

    def check(self, item: Item, where: str, run: Run) -> None:
        for check in self.checks:
            check(item, where, run)


def compiled_profile(url: str, tree: Node, registry: ProfileRegistry) -> CompiledProfile:
    """The checks of a tree. Raises BrokenProfile."""
    compiler = _Compiler(url, tree, registry)
    checks = [*value_checks(tree, url), *invariant_checks(tree.invariants, url), *compiler.below(tree)]
    return CompiledProfile(url, tree.holder, checks)


class _Compiler:
    def __init__(self, url: str, tree: Node, registry: ProfileRegistry) -> None:
        self.url = url
        self.registry = registry
        self._made: dict[int, list[Check]] = {}
        self._by_holder = {node.holder: node for node in _nodes(tree) if "." in node.holder}

    def checks(self, node: Node) -> Sequence[Check]:
        """All checks of one item of an element or slice."""
        if id(node) not in self._made:
            found = self._made[id(node)] = []
            for check in (type_check(node, self.url), profile_check(node, self.url), target_check(node, self.url)):
                if check:
                    found.append(check)
            found.extend(value_checks(node, self.url))
            found.extend(invariant_checks(node.invariants, self.url))
            found.extend(self.below(node))
        return self._made[id(node)]

    def below(self, node: Node) -> list[Check]:
        """The checks of the children of an item."""
        elements = [
            made for name, child in node.children.items() if (made := self._element(node.holder or "Element", child))
        ]
        elements.extend(self._shared(node))
        if not elements:
            return []

        def check(item: Item, where: str, run: Run) -> None:
            parent = item.value if isinstance(item.value, dict) else item.sibling
            parent = parent if isinstance(parent, dict) else _NOTHING
            for element in elements:
                element(parent, where, run)

        return [check]

    def _element(self, holder: str, node: Node) -> Callable[[Any, str, Run], None] | None:
        try:
            fetch = fetcher(holder, node.name)
            nested = children(holder)[node.name].types == ("Resource",)
        except (UnknownElement, KeyError):
            raise BrokenProfile(f"{self.url}: {holder} has no element {node.name[:80]}") from None
        checks = list(self.checks(node))
        if nested and checks:
            checks = [_in_resource(checks)]
        slices = sliced(node, (), self)
        if not (checks or slices or node.min or node.max is not None or node.must_support):
            return None
        return _element_check(node, fetch, checks, slices, self.url)

    def _shared(self, node: Node) -> list[Callable[[Any, str, Run], None]]:
        """Children that share what is below another element (contentReference) share what the profile says there."""
        if "." not in node.holder:
            return []
        found = []
        for name, entry in properties(node.holder).items():
            other = self._by_holder.get(entry.element.same_as)
            if other is not None and name not in node.children:
                found.append(self._same(fetcher(node.holder, name), other))
        return found

    def _same(self, fetch: Fetch, other: Node) -> Callable[[Any, str, Run], None]:
        def element(parent: Any, where: str, run: Run) -> None:
            for item in fetch(parent):
                run.budget.spend()
                for check in self.checks(other):
                    check(item, f"{where}{item.step}", run)

        return element


def _in_resource(checks: Sequence[Check]) -> Check:
    def check(item: Item, where: str, run: Run) -> None:
        inside = run.inside(item.value)
        for one in checks:
            one(item, where, inside)

    return check


def _element_check(
    node: Node, fetch: Fetch, checks: Sequence[Check], slices: Sliced | None, profile: str
) -> Callable[[Any, str, Run], None]:
    name, least, most, wanted = node.name, node.min, node.max, node.must_support
    occurrences = Occurrences(name, "", least, most, profile)

    def element(parent: Any, where: str, run: Run) -> None:
        items = fetch(parent)
        run.budget.spend(1 + len(items))
        if len(items) < least or (most is not None and len(items) > most):
            occurrences.check(len(items), where, run)
        if wanted and not items and run.must_support:
            stem = name.removesuffix("[x]")
            text = wording.must_support(name, profile)
            run.found("information", "informational", text, f"{where}.{stem}", "profile.must-support")
        if checks:
            for item in items:
                path = f"{where}{item.step}"
                for check in checks:
                    check(item, path, run)
        if slices:
            slices(items, where, run)

    return element


def _nodes(tree: Node) -> list[Node]:
    """The elements of a tree without slices."""
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting.extend(node.children.values())
    return found
