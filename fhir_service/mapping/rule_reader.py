"""Rules out of a StructureMap resource. Raises MappingError with the place."""

from __future__ import annotations

from fhir_service.mapping.parameter_reader import (
    constant,
    expression,
    fhirpath,
    name,
    read_dependent,
    read_values,
    variables_set_before,
)
from fhir_service.mapping.resource_names import (
    ABSENT,
    ORIGINAL_TEXT,
    SOURCE_LIST_MODES,
    TRANSFORMS,
    as_id,
    of_other_release,
)
from fhir_service.mapping.resource_part import Part
from fhir_service.mapping.rule_forms import build_rule, made_up_name
from fhir_service.mapping.rule_parser import DEEPEST_RULES
from fhir_service.mapping.syntax import Expression, Name, Parameter, Rule, Source, Target
from fhir_service.mapping.term_text import constant_text

_CLAUSES = ("condition", "check", "logMessage")
_TYPED = ("String", "Boolean", "Integer", "Decimal", "Date", "DateTime", "Time")
_TEXTS = ("Code", "Id", "Uri", "Url", "Markdown")
_MODE = "group.rule.target.listMode"
_MODE_URLS = (of_other_release("R4", _MODE), of_other_release("R5", _MODE))
_MODES_OF_ALL = ("first", "share", "last", "single", "collate")


def read_rules(parent: Part, depth: int = 1) -> tuple[Rule, ...]:
    """The rules of a group, or those inside a rule."""
    parts = parent.parts("rule")
    if parts and depth > DEEPEST_RULES + 1:
        parent.refuse(f"rules are nested more than {DEEPEST_RULES} deep")
    kept = [part for part in parts if part.extension(ABSENT, value="valueCode") is None]
    return tuple(_rule(part, number, depth) for number, part in enumerate(kept, 1))


def _rule(part: Part, number: int, depth: int) -> Rule:
    part.only("name", "source", "target", "rule", "dependent", "documentation")
    sources = [_source(entry) for entry in part.parts("source")]
    if not sources:
        part.refuse("a rule has at least one source", "source")
    targets, calls = part.parts("target"), part.parts("dependent")
    made_up = {variable for entry in (*targets, *calls) for variable in variables_set_before(entry)}
    return build_rule(
        number,
        _name(part, sources[0], number),
        sources,
        [_target(entry) for entry in targets if not _sets_only(entry, made_up)],
        dependent=[read_dependent(entry) for entry in calls],
        rule=read_rules(part, depth + 1),
        position=part.position,
        documentation=part.text("documentation"),
    )


def _name(part: Part, source: Source, number: int) -> str | None:
    """The name that was given; in R4, where it must have one, not the made-up one."""
    given = part.text("name")
    original = part.extension(ORIGINAL_TEXT, part.beside("name"))
    if given is None or (original is None and given == as_id(made_up_name(source, number))):
        return None
    return name(part, "name")


def _sets_only(target: Part, made_up: set[str]) -> bool:
    variable = target.value.get("variable")
    return "context" not in target.value and isinstance(variable, str) and variable in made_up


def _source(part: Part) -> Source:
    defaults = tuple(f"defaultValue{kind}" for kind in (*_TYPED, *_TEXTS, "Expression", ""))
    part.only("context", "min", "max", "type", "element", "listMode", "variable", *_CLAUSES, *defaults)
    low, high = _cardinality(part)
    return Source(
        name(part, "context"),
        part.word("element"),
        part.position,
        type=part.word("type"),
        min=low,
        max=high,
        default=_default(part),
        list_mode=part.code("listMode", SOURCE_LIST_MODES),
        variable=name(part, "variable") if part.text("variable") is not None else None,
        condition=expression(part, "condition"),
        check=expression(part, "check"),
        log=expression(part, "logMessage"),
    )


def _cardinality(part: Part) -> tuple[int | None, int | None]:
    low, high = part.number("min"), part.text("max")
    if high is not None and high != "*" and not (high.isascii() and high.isdigit() and len(high) < 10):
        part.refuse("a number or * is wanted", "max")
    if low is None and high is None:
        return None, None
    return low or 0, None if high in (None, "*") else int(high or "0")


def _default(part: Part) -> Expression | None:
    given = [key for key in part.value if key.startswith("defaultValue")]
    if not given:
        return None
    if len(given) > 1:
        part.refuse("a source has one default", given[1])
    key, kind = given[0], given[0].removeprefix("defaultValue")
    if not kind:
        return expression(part, key)
    if kind == "Expression":
        inner = part.part(part.value[key], key)
        return expression(inner, "expression") or inner.refuse("this is missing", "expression")
    value = constant(part, key, kind if kind in _TYPED else "String")
    return fhirpath(part, key, constant_text(value))


def _target(part: Part) -> Target:
    part.only(
        *("context", "contextType", "element", "variable", "listMode", "listRuleId", "transform", "parameter"),
    )
    if part.code("contextType", ("variable", "type")) == "type":
        part.refuse("only variables can be written to", "contextType")
    context = name(part, "context") if part.text("context") is not None else None
    modes, shared = _list_modes(part)
    transform = part.code("transform", TRANSFORMS)
    target = Target(
        context,
        part.word("element"),
        part.position,
        transform,
        _parameters(part, transform),
        name(part, "variable") if part.text("variable") is not None else None,
        modes,
        shared,
    )
    if context is None and (target.element is not None or modes or transform is None):
        part.refuse("without a context a target can only set a variable by a transform")
    return target


def _parameters(part: Part, transform: str | None) -> tuple[Parameter, ...]:
    parts = part.parts("parameter")
    if parts and transform is None:
        part.refuse("parameters are for a transform", "parameter")
    if transform != "evaluate":
        return read_values(parts)
    if not 1 <= len(parts) <= 2:
        part.refuse("evaluate takes FHIRPath, and before it a variable if it is to start from one", "parameter")
    found = read_values(parts, last_is_fhirpath=True)
    if len(found) == 2 and not isinstance(found[0], Name):
        parts[0].refuse("evaluate starts from a variable")
    return found


def _list_modes(part: Part) -> tuple[tuple[str, ...], str | None]:
    found = []
    given, beside = part.items("listMode"), part.items("_listMode")
    for index in range(max(len(given), len(beside))):
        key = f"listMode[{index}]"
        mode = given[index] if index < len(given) else None
        if mode is None and index < len(beside) and isinstance(beside[index], dict):
            mode = next((code for url in _MODE_URLS if (code := part.extension(url, beside[index], "valueCode"))), None)
        found.append(Part({key: mode}, part.path).code(key, _MODES_OF_ALL) or part.refuse("this is missing", key))
    shared = name(part, "listRuleId") if part.text("listRuleId") is not None else None
    if ("share" in found) != (shared is not None):
        part.refuse("share and listRuleId go together", "listRuleId")
    return tuple(found), shared
