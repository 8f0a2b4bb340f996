"""Items of a sliced element: each to its slice, then how many of each, in which order, and what else is allowed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fhir_service.validation.profiles import wording
from fhir_service.validation.profiles.discriminators import Compiling, Match, extension_urls, matcher
from fhir_service.validation.profiles.element_rules import Discriminator, SlicingRule
from fhir_service.validation.profiles.instances import Item
from fhir_service.validation.profiles.runs import Run
from fhir_service.validation.profiles.trees import Node
from fhir_service.validation.profiles.value_checks import Check

Sliced = Callable[[Sequence[Item], str, Run], None]
"""Items, the expression of their parent, the validation at work."""
_DEFAULT = "@default"
_WITHOUT_SLICING = SlicingRule(())


@dataclass(slots=True)
class _Slice:
    """`untold` names the discriminator that the profile leaves open; such a slice is not checked."""

    name: str
    min: int
    max: int | None
    matches: tuple[Match, ...]
    checks: Sequence[Check]
    inner: Sliced | None
    untold: str | None = None

    def takes(self, item: Item, run: Run) -> bool:
        for match in self.matches:  # noqa: SIM110  # `all` of a generator takes twice the time, and this runs most
            if not match(item, run):
                return False
        return True


def sliced(node: Node, above: Sequence[Node], compiling: Compiling) -> Sliced | None:
    """The check of the slices of an element; None without slices. `above` are the slices that the node is in."""
    slicing = node.slicing or next((entry.slicing for entry in above if entry.slicing), None) or _WITHOUT_SLICING
    made = {name: _compiled(entry, (entry, *above), slicing, compiling) for name, entry in node.slices.items()}
    default = made.pop(_DEFAULT, None)
    if not made and default is None and slicing.rules != "closed":
        return None
    return _Slices(node.name, slicing, list(made.values()), default, compiling.url)


def _compiled(node: Node, nodes: Sequence[Node], slicing: SlicingRule, compiling: Compiling) -> _Slice:
    own = compiling.checks(node)
    matches, untold = [], None
    for discriminator in slicing.discriminators:
        match = _extension_match(nodes, discriminator, compiling) or matcher(nodes, discriminator, compiling)
        if match is None:
            untold = untold or discriminator.path
        else:
            matches.append(match)
    if not slicing.discriminators:
        matches.append(_by_content(own))
    inner = sliced(node, nodes, compiling) if node.slices else None
    return _Slice(node.slice_name, node.min, node.max, tuple(matches), own, inner, untold)


def _extension_match(nodes: Sequence[Node], discriminator: Discriminator, compiling: Compiling) -> Match | None:
    """Extensions are told apart by their url, which may stand in the definition that the slice names only."""
    if nodes[0].name not in ("extension", "modifierExtension") or discriminator.path != "url":
        return None
    urls = next((found for node in nodes if (found := extension_urls(node, compiling.registry))), ())
    if not urls:
        return None
    return lambda item, _run: isinstance(item.value, dict) and item.value.get("url") in urls


def _by_content(checks: Sequence[Check]) -> Match:
    def match(item: Item, run: Run) -> bool:
        def every(trial: Run) -> None:
            for check in checks:
                check(item, "", trial)

        return run.passes(every)

    return match


class _Slices:
    """The slices of one element at work."""

    def __init__(
        self, name: str, slicing: SlicingRule, slices: list[_Slice], default: _Slice | None, profile: str
    ) -> None:
        self._name = name
        self._slicing = slicing
        self._told = [entry for entry in slices if entry.untold is None]
        self._untold = [entry for entry in slices if entry.untold is not None]
        self._default = default
        self._profile = profile
        self._names = [entry.name for entry in slices]

    def __call__(self, items: Sequence[Item], parent: str, run: Run) -> None:
        for entry in self._untold:
            if items:
                text = wording.slices_not_told(self._name, entry.name, entry.untold or "", self._profile)
                run.once("warning", "incomplete", text, parent, "profile.slice-not-checked")
        assigned: dict[str, list[Item]] = {}
        last, unmatched = -1, False
        for item in items:
            at = self._slice_of(item, parent, run)
            if at is None:
                unmatched = True
                self._left_over(item, parent, run)
                continue
            assigned.setdefault(self._told[at].name, []).append(item)
            if unmatched and self._slicing.rules == "openAtEnd":
                text = wording.not_at_end(self._name, self._profile)
                run.found("error", "structure", text, f"{parent}{item.step}", "profile.slice-order")
            if self._slicing.ordered and at < last:
                text = wording.out_of_order(self._name, self._told[at].name, self._told[last].name, self._profile)
                run.found("error", "structure", text, f"{parent}{item.step}", "profile.slice-order")
            last = max(last, at)
        for entry in self._told:
            if entry.name in assigned or entry.min or entry.inner:
                self._within(entry, assigned.get(entry.name, []), parent, run)

    def _slice_of(self, item: Item, parent: str, run: Run) -> int | None:
        run.budget.spend(len(self._told))
        found = [at for at, entry in enumerate(self._told) if entry.takes(item, run)]
        if len(found) > 1:
            names = [self._told[at].name for at in found]
            text = wording.several_slices(self._name, names, self._profile)
            run.found("error", "structure", text, f"{parent}{item.step}", "profile.slice-ambiguous")
        return found[0] if found else None

    def _left_over(self, item: Item, parent: str, run: Run) -> None:
        where = f"{parent}{item.step}"
        if self._default is not None:
            for check in self._default.checks:
                check(item, where, run)
        elif self._slicing.rules == "closed" and not self._untold:
            text = wording.no_slice(self._name, self._names, self._profile)
            run.found("error", "structure", text, where, "profile.slice-closed")

    def _within(self, entry: _Slice, items: list[Item], parent: str, run: Run) -> None:
        if len(items) < entry.min or (entry.max is not None and len(items) > entry.max):
            Occurrences(self._name, entry.name, entry.min, entry.max, self._profile).check(len(items), parent, run)
        for item in items:
            for check in entry.checks:
                check(item, f"{parent}{item.step}", run)
        if entry.inner:
            entry.inner(items, parent, run)


class Occurrences(NamedTuple):
    """How often an element, or a slice of it, may be there."""

    name: str
    slice_name: str
    least: int
    most: int | None
    profile: str

    def check(self, found: int, parent: str, run: Run) -> None:
        where = f"{parent}.{self.name.removesuffix('[x]')}"
        rule = "profile.slice" if self.slice_name else ""
        if found < self.least:
            text = wording.too_few(self.name, self.slice_name, self.least, found, self.profile)
            run.found("error", "structure" if found else "required", text, where, rule or "profile.min")
        elif self.most is not None and found > self.most:
            text = wording.too_many(self.name, self.slice_name, self.most, found, self.profile)
            run.found("error", "structure", text, where, rule or "profile.max")
