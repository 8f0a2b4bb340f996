"""StructureMap tree -> StructureMap resource, as R4 (4.0.1) or R5 has it. What R4 cannot say is in resource_names.py.

The narrative is the map as text: what a person reads is what runs. `status` is draft where the map does not say.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Any

from fhir_service.fhir.fhirpath_lexer import Tokens
from fhir_service.mapping.concept_map_releases import to_r5
from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.map_metadata import OF_R5, Metadata
from fhir_service.mapping.map_text import to_text
from fhir_service.mapping.parameter_writer import ParameterWriter, default_value
from fhir_service.mapping.resource_names import (
    ABSENT,
    TARGET_LIST_MODES,
    TRANSFORMS,
    Release,
    as_id,
    of_other_release,
    put_name,
)
from fhir_service.mapping.rule_forms import AUTOMATIC_VARIABLE
from fhir_service.mapping.syntax import Expression, Group, Input, Literal, Position, Rule, Source, StructureMap, Target
from fhir_service.mapping.term_parser import read_constant


def to_resource(tree: StructureMap, *, release: Release = "R4", source: str | None = None) -> dict[str, Any]:
    """The resource; decimals are Decimal. `source` is the text the tree was read from, for the narrative: it has the
    comments, which a tree has not. Raises MappingError for what no resource can say, such as an unknown transform."""
    return _Writer(tree, release).resource(source if source is not None else _readable(tree))


class _Writer:
    def __init__(self, tree: StructureMap, release: Release) -> None:
        self.tree, self.release = tree, release
        self.parameters = ParameterWriter(release, tree)

    def resource(self, text: str) -> dict[str, Any]:
        tree = self.tree
        metadata = self._metadata()
        found: dict[str, Any] = {"resourceType": "StructureMap", "id": metadata.pop("id", None) or _id_of(tree.url)}
        found["text"] = {"status": "generated", "div": _narrative(text)}
        found["contained"] = [self._contained(name, entry) for name, entry in tree.contained.items()]
        found["extension"] = self._extensions(metadata)
        found |= {
            "url": tree.url,
            "identifier": metadata.pop("identifier", None),
            "version": metadata.pop("version", None),
        }
        found |= {"name": tree.name, **metadata}
        found["structure"] = [
            _given(url=entry.url, mode=entry.mode, alias=entry.alias, documentation=entry.documentation)
            for entry in tree.structure
        ]
        found["import"] = [entry.url for entry in tree.imports]
        if self.release == "R5":
            found["const"] = [{**_named(name), "value": value.text} for name, value in tree.constant]
        found["group"] = [self._group(group) for group in tree.group]
        return _given(**found)

    def _metadata(self) -> dict[str, Any]:
        metadata = Metadata()
        for path, value in self.tree.metadata:
            metadata.add(path, value)
        return metadata.elements

    def _extensions(self, metadata: dict[str, Any]) -> list[dict[str, Any]]:
        """What R4 has no element for; taken out of `metadata`."""
        if self.release == "R5":
            return []
        found: list[dict[str, Any]] = [
            {"url": of_other_release("R4", key), "valueString": metadata.pop(key)} for key in OF_R5 if key in metadata
        ]
        for name, value in self.tree.constant:
            parts = [{"url": "name"}, {"url": "value", "valueString": value.text}]
            put_name(parts[0], "valueId", name)
            found.append({"url": of_other_release("R4", "const"), "extension": parts})
        return found

    def _contained(self, name: str, concept_map: dict[str, Any]) -> dict[str, Any]:
        if as_id(name) != name:
            raise MappingError(
                f"the concept map {name} cannot stand in a resource: its name may have letters, digits, - and .",
                map_name=self.tree.name,
            )
        return to_r5(concept_map) if self.release == "R5" else concept_map

    def _group(self, group: Group) -> dict[str, Any]:
        found = _named(group.name)
        if group.extends is not None:
            put_name(found, "extends", group.extends)
        if self.release == "R4" or group.type_mode != "none":
            found["typeMode"] = group.type_mode
        rules = [self._rule(rule) for rule in group.rule]
        if not rules and self.release == "R4":
            rules = [_nothing(group)]
        documentation, inputs = group.documentation, [_input(entry) for entry in group.input]
        return found | _given(documentation=documentation, input=inputs, rule=rules)

    def _rule(self, rule: Rule) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if rule.named:
            put_name(found, "name", rule.name)
        elif self.release == "R4":
            found["name"] = as_id(rule.name)
        targets = [entry for target in rule.target for entry in self._target(target, rule.shorthand)]
        calls = []
        for entry in rule.dependent:
            call, before = self.parameters.dependent(entry)
            targets += before
            calls.append(call)
        return found | _given(
            source=[self._source(entry, rule.shorthand) for entry in rule.source],
            target=targets,
            rule=[self._rule(entry) for entry in rule.rule],
            dependent=calls,
            documentation=rule.documentation,
        )

    def _source(self, source: Source, shorthand: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        put_name(found, "context", source.context)
        if source.min is not None:
            found |= {"min": source.min, "max": "*" if source.max is None else str(source.max)}
        found |= _given(type=source.type)
        if source.default is not None:
            found |= default_value(source.default, _constant(source.default), self.release)
        found |= _given(element=source.element, listMode=source.list_mode)
        variable = AUTOMATIC_VARIABLE if shorthand else source.variable
        if variable is not None:
            put_name(found, "variable", variable)
        clauses = {"condition": source.condition, "check": source.check, "logMessage": source.log}
        return found | {key: clause.text for key, clause in clauses.items() if clause is not None}

    def _target(self, target: Target, shorthand: bool) -> list[dict[str, Any]]:
        """The target, after those that set variables for its parameters."""
        found: dict[str, Any] = {}
        if target.context is not None:
            put_name(found, "context", target.context)
            if self.release == "R4":
                found["contextType"] = "variable"
        found |= _given(element=target.element)
        variable = AUTOMATIC_VARIABLE if shorthand else target.variable
        if variable is not None:
            put_name(found, "variable", variable)
        self._put_list_modes(found, target.list_mode)
        if target.list_rule_id is not None:
            put_name(found, "listRuleId", target.list_rule_id)
        transform = "create" if shorthand else target.transform
        if transform is None:
            return [found]
        if transform not in TRANSFORMS:
            raise self._error(f"there is no transform {transform}", target.position)
        parameters, before = self.parameters.target(target)
        return [*before, found | _given(transform=transform, parameter=parameters)]

    def _put_list_modes(self, found: dict[str, Any], modes: tuple[str, ...]) -> None:
        known = TARGET_LIST_MODES[self.release]
        if modes:
            found["listMode"] = [mode if mode in known else None for mode in modes]
        if any(mode not in known for mode in modes):
            url = of_other_release(self.release, "group.rule.target.listMode")
            found["_listMode"] = [
                None if mode in known else {"extension": [{"url": url, "valueCode": mode}]} for mode in modes
            ]

    def _error(self, problem: str, at: Position) -> MappingError:
        return MappingError(problem, map_name=self.tree.name, line=at.line, column=at.column, path=at.path)


def _given(**elements: Any) -> dict[str, Any]:
    """The elements that have a value."""
    return {key: value for key, value in elements.items() if value is not None and value != []}


def _named(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    put_name(found, "name", name)
    return found


def _input(entry: Input) -> dict[str, Any]:
    return _named(entry.name) | _given(type=entry.type, mode=entry.mode, documentation=entry.documentation)


def _nothing(group: Group) -> dict[str, Any]:
    source: dict[str, Any] = {}
    put_name(source, "context", group.input[0].name)
    absent = [{"url": ABSENT, "valueCode": "not-applicable"}]
    return {"extension": absent, "name": "nothing", "source": [source]}


def _constant(default: Expression) -> Literal | None:
    """The constant that a default is, if it is one."""
    tokens = Tokens(default.text)
    if tokens.current.kind not in ("string", "number", "date") and not tokens.at("-", "true", "false"):
        return None
    if tokens.at("-") and tokens.following().kind != "number":
        return None
    constant = read_constant(tokens)
    return constant if tokens.current.kind == "end" else None


def _id_of(url: str) -> str | None:
    last = url.partition("|")[0].rpartition("/")[2]
    return last if last and as_id(last) == last else None


def _readable(tree: StructureMap) -> str:
    """The map as text; without its ConceptMaps where the language has no words for one of them."""
    try:
        return to_text(tree)
    except MappingError:
        return to_text(replace(tree, contained={}))


def _narrative(text: str) -> str:
    readable = "".join(" " if character < " " and character not in "\t\n\r" else character for character in text)
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><pre>{escape(readable, quote=False)}</pre></div>'
