"""The selectors of XML Patch: the part of XPath that leads to one element or attribute (RFC 5261 section 4.1).

Steps down from the root, `prefix:name` or `*`, with predicates in brackets: a position, `last()`, or an attribute or
element that is there, or has a value: `f:Patient/f:identifier[f:system/@value='x']/f:value/@value`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element

from fhir_service.fhir.errors import MalformedContent
from fhir_service.formats.xml_members import FHIR_NAMESPACE
from fhir_service.patching.faults import PatchFault

_NAME = r"(?:[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*"
_STEP = re.compile(rf"(\*|{_NAME})((?:\[(?:[^\[\]'\"]|'[^']*'|\"[^\"]*\")*\])*)(?:/|$)")
ATTRIBUTE = re.compile(r"@([A-Za-z_][\w.-]*)")
_PREDICATE = re.compile(r"\[((?:[^\[\]'\"]|'[^']*'|\"[^\"]*\")*)\]")
_CONDITION = re.compile(rf"((?:{_NAME}/)*)(?:@([A-Za-z_][\w.-]*)|({_NAME}))(?:\s*=\s*('[^']*'|\"[^\"]*\"))?")
_LONGEST = 1000


class Step(NamedTuple):
    """One step: a name as ElementTree spells it, or `*`, and the texts of its predicates."""

    name: str
    predicates: tuple[str, ...]


class Found(NamedTuple):
    """The one element that a selector leads to; `parent` is None for the root, `attribute` empty for the element."""

    element: Element
    parent: Element | None
    attribute: str


class Selector:
    """A selector that was read. `namespaces` are those of the patch, by prefix."""

    def __init__(self, text: str, namespaces: Mapping[str, str]) -> None:
        """Raises MalformedContent for a selector that is not of the form above."""
        self.text = text.strip()
        self._namespaces = namespaces
        self.steps: list[Step] = []
        self.attribute = ""
        rest = self.text.removeprefix("/")
        while rest and len(self.text) <= _LONGEST:
            if self.steps and (last := ATTRIBUTE.fullmatch(rest)):
                self.attribute = last[1]
                return
            step = _STEP.match(rest)
            if step is None:
                break
            self.steps.append(Step(self._qualified(step[1]), tuple(_PREDICATE.findall(step[2]))))
            rest = rest[step.end() :]
        if rest or not self.steps:
            raise MalformedContent(f"the selector '{self.text[:200]}' is not one that this server reads")

    def find(self, root: Element) -> Found:
        """What it leads to. Raises PatchFault for none and several."""
        found: list[tuple[Element | None, Element]] = [(None, root)] if self._fits(self.steps[0], root) else []
        for predicate in self.steps[0].predicates:
            found = [pair for pair in found if self._holds(predicate, pair[1], 1, 1)]
        for step in self.steps[1:]:
            found = [(parent, child) for _, parent in found for child in self._children(step, parent)]
        if len(found) != 1:
            raise PatchFault(f"it has to select one element; it selects {len(found) or 'none'}")
        parent, element = found[0]
        return Found(element, parent, self.attribute)

    def _children(self, step: Step, parent: Element) -> list[Element]:
        found = [child for child in parent if self._fits(step, child)]
        for predicate in step.predicates:
            size = len(found)
            found = [child for at, child in enumerate(found, 1) if self._holds(predicate, child, at, size)]
        return found

    def _fits(self, step: Step, element: Element) -> bool:
        return step.name in ("*", element.tag)

    def _holds(self, predicate: str, element: Element, place: int, size: int) -> bool:
        text = predicate.strip()
        if text.isascii() and text.isdigit():
            return place == int(text[:9])
        if text == "last()":
            return place == size
        condition = _CONDITION.fullmatch(text)
        if condition is None:
            raise PatchFault(f"the predicate [{text[:100]}] is not one that this server reads")
        path, attribute, name, value = condition.groups()
        owners = [element]
        for part in [*path.split("/")[:-1], *([name] if name else [])]:
            tag = self._qualified(part)
            owners = [child for owner in owners for child in owner if child.tag == tag]
        if not attribute:
            return bool(owners) if value is None else any((owner.text or "") == value[1:-1] for owner in owners)
        values = [owner.attrib[attribute] for owner in owners if attribute in owner.attrib]
        return bool(values) if value is None else value[1:-1] in values

    def _qualified(self, name: str) -> str:
        """A name as ElementTree spells it; without a prefix, and where the patch has no namespace for that, FHIR's."""
        if name == "*":
            return name
        prefix, _, local = name.rpartition(":")
        namespace = self._namespaces.get(prefix, "" if prefix else FHIR_NAMESPACE)
        if not namespace:
            raise MalformedContent(f"the prefix '{prefix[:80]}' of a selector is not declared in the patch")
        return f"{{{namespace}}}{local}"
