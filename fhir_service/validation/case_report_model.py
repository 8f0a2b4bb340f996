"""The logical model CaseReport as one tree: what each element may hold, and which rules are stated at it.

Read from the StructureDefinitions of `mappings/logical-models/`. Data types (`Coded`, `Level`, …) are laid in where
they are used, with their rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from fhir_service.definitions.catalogue import DEFAULT_BASE, BrokenArtifact, Kind, catalogue
from fhir_service.definitions.elements import is_primitive

ROOT = "CaseReport"
_MODEL = "/StructureDefinition/case-report"
_RULE, _VARIABLE, _REFERS_TO, _FILLED, _SECTION, _CORE = (
    f"/StructureDefinition/{name}"
    for name in ("rule-guidance", "rule-variable", "refers-to", "filled-by-service", "report-section", "core-fact")
)


class Rule(msgspec.Struct, frozen=True):
    """A clinical rule: a FHIRPath `expression` that is false where it is broken, `fix` says what to do then.

    `at` is the element below the one with the rule that a finding is about, `found` are expressions whose values it
    tells.
    """

    key: str
    severity: str
    human: str
    expression: str
    fix: str
    at: str = ""
    found: tuple[str, ...] = ()


class Variable(msgspec.Struct, frozen=True, rename="camel"):
    """A name that rules may use as `%name`: what an expression gives at the element with it, or a CodeSystem."""

    name: str
    expression: str = ""
    code_system: str = ""


class CoreFact(msgspec.Struct, frozen=True):
    """What a registry asks of an element: FHIRPath that gives something where it is stated, or declared unknown. It is
    asked only where `applies` gives something."""

    name: str
    section: str
    stated: str
    unknown: str = ""
    applies: str = ""


class ModelElement(msgspec.Struct, frozen=True):
    """One element. `path` is below the report (`case.age.unit`), `type` a primitive of FHIR, or empty where it has
    `children`."""

    name: str
    path: str
    type: str
    required: bool = False
    repeats: bool = False
    value_set: str = ""
    """The value set its code (or, of a Coded, the code in it) has to be from."""
    refers_to: tuple[str, ...] = ()
    """Names of the elements whose ids it may hold; `*` for any."""
    must_support: bool = False
    section: str = ""
    children: Mapping[str, ModelElement] = {}
    rules: tuple[Rule, ...] = ()
    variables: tuple[Variable, ...] = ()
    core_facts: tuple[CoreFact, ...] = ()


@cache
def case_report_model(base: str = DEFAULT_BASE) -> ModelElement:
    """The whole model. Raises UnknownArtifact, BrokenArtifact."""
    return _Reader(base).tree(base + _MODEL, ROOT, {"path": ROOT}, "")


class _Reader:
    def __init__(self, base: str) -> None:
        self._base = base
        self._models = catalogue(base).artifacts(Kind.LOGICAL_MODEL)

    def tree(self, url: str, inside: str, entry: Mapping[str, Any], path: str) -> ModelElement:
        """An element whose children are those of a path inside the model with that URL."""
        if url not in self._models:
            raise BrokenArtifact(f"{path}: there is no logical model {url}")
        entries = self._models[url]["differential"]["element"]
        children = {}
        for child in entries:
            holder, _, name = child["path"].rpartition(".")
            if holder == inside:
                children[name] = self._element(url, child, f"{path}.{name}" if path else name)
        root = next(found for found in entries if found["path"] == inside)
        both = (entry,) if root is entry else (root, entry)
        return self._made(entry, path, "", children, both)

    def _element(self, url: str, entry: Mapping[str, Any], path: str) -> ModelElement:
        (code,) = (part["code"] for part in entry["type"])
        if is_primitive(code):
            return self._made(entry, path, code, {}, (entry,))
        if code == "BackboneElement":
            return self.tree(url, entry["path"], entry, path)
        return self.tree(code, code.rpartition("/")[2], entry, path)

    def _made(
        self,
        entry: Mapping[str, Any],
        path: str,
        code: str,
        children: Mapping[str, ModelElement],
        stated: tuple[Mapping[str, Any], ...],
    ) -> ModelElement:
        binding = entry.get("binding", {})
        extensions = [part for one in stated for part in one.get("extension", ())]
        return ModelElement(
            name=path.rpartition(".")[2],
            path=path,
            type=code,
            required=entry.get("min") == 1 and not self._texts(extensions, _FILLED),
            repeats=entry.get("max") == "*" and bool(path),
            value_set=binding.get("valueSet", "") if binding.get("strength") == "required" else "",
            refers_to=tuple(self._texts(extensions, _REFERS_TO)),
            must_support=entry.get("mustSupport", False),
            section=next(iter(self._texts(extensions, _SECTION)), ""),
            children=children,
            rules=tuple(self._rule(part) for one in stated for part in one.get("constraint", ())),
            variables=tuple(self._structs(extensions, _VARIABLE, Variable)),
            core_facts=tuple(self._structs(extensions, _CORE, CoreFact)),
        )

    def _rule(self, entry: Mapping[str, Any]) -> Rule:
        (guidance,) = (parts_of(found) for found in entry["extension"] if found["url"] == self._base + _RULE)
        stated = {name: entry[name] for name in ("key", "severity", "human", "expression")}
        return msgspec.convert({"found": (), **guidance, **stated}, Rule)

    def _texts(self, extensions: list[Mapping[str, Any]], url: str) -> list[str]:
        return [str(value_of(found)) for found in extensions if found["url"] == self._base + url]

    def _structs(self, extensions: list[Mapping[str, Any]], url: str, kind: type[Any]) -> list[Any]:
        return [msgspec.convert(parts_of(found), kind) for found in extensions if found["url"] == self._base + url]


def parts_of(extension: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a complex extension by the names of its parts; `found` may repeat."""
    held: dict[str, Any] = {}
    for part in extension["extension"]:
        if part["url"] == "found":
            held["found"] = (*held.get("found", ()), value_of(part))
        else:
            held[part["url"]] = value_of(part)
    return held


def value_of(extension: Mapping[str, Any]) -> Any:
    return next(value for name, value in extension.items() if name.startswith("value"))
