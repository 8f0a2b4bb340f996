"""StructureMap tree -> FHIR Mapping Language text, laid out as our own maps are: a rule a line, 120 columns.

`///` lines, concept maps, names and documentation are written; comments are not in a tree, so they are lost. FHIRPath
stands in brackets, which every reader of the language wants. The text read again is the same tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fhir_service.mapping.concept_map_text import concept_map_lines
from fhir_service.mapping.errors import Fault, MappingError
from fhir_service.mapping.syntax import (
    Constant,
    Expression,
    Group,
    Input,
    Literal,
    Name,
    Parameter,
    Rule,
    Source,
    StructureMap,
    Target,
)
from fhir_service.mapping.term_text import constant_text, in_quotes, is_plain, name_text

_WIDTH = 120
_Piece = tuple[str, ...]
"""What is kept on one line if it can be, and the parts it is broken into else."""
_TYPE_MODES = {"types": " <<types>>", "type-and-types": " <<type+>>"}


def to_text(tree: StructureMap) -> str:
    """The text. Raises MappingError for a contained ConceptMap that the language has no words for."""
    try:
        return "\n".join(_lines(tree)) + "\n"
    except Fault as fault:
        raise MappingError(str(fault), map_name=tree.name) from fault


def _lines(tree: StructureMap) -> Iterator[str]:
    for key, value in tree.metadata:
        yield _metadata(key, value)
    yield f"map {in_quotes(tree.url)} = {in_quotes(tree.name)}"
    for name, concept_map in tree.contained.items():
        yield ""
        yield from concept_map_lines(name, concept_map)
    if tree.structure:
        yield ""
    for structure in tree.structure:
        yield from _documentation(structure.documentation, "")
        alias = f" alias {name_text(structure.alias)}" if structure.alias is not None else ""
        yield f"uses {in_quotes(structure.url)}{alias} as {structure.mode}"
    if tree.imports:
        yield ""
    for entry in tree.imports:
        yield f"imports {in_quotes(entry.url)}"
    if tree.constant:
        yield ""
    for name, expression in tree.constant:
        yield f"let {name_text(name)} = {expression.text};"
    for group in tree.group:
        yield ""
        yield from _group(group)


def _metadata(key: str, value: Constant | None) -> str:
    if value is None:
        return f"/// {key} ="
    if isinstance(value, str) and "\n" in value and _fits_in_block(value):
        return f'/// {key} = """\n{value}\n"""'
    return f"/// {key} = {constant_text(Literal(value))}"


def _fits_in_block(value: str) -> bool:
    return '"""' not in value and value == value.strip("\r\n") and not value.endswith('"') and "\r" not in value


def _documentation(text: str | None, indent: str) -> Iterator[str]:
    for line in re.split(r"[\r\n\f\v\x1c-\x1e\x85\u2028\u2029]+", text or ""):
        if line.strip():
            yield f"{indent}// {line.strip()}"


def _group(group: Group) -> Iterator[str]:
    yield from _documentation(group.documentation, "")
    for entry in group.input:
        if entry.documentation:
            yield from _documentation(f"{entry.name}: {entry.documentation}", "")
    extends = f" extends {name_text(group.extends)}" if group.extends is not None else ""
    end = f"){extends}{_TYPE_MODES.get(group.type_mode, '')} {{" + ("" if group.rule else "}")
    inputs = _with_commas([(_input(entry),) for entry in group.input])
    inputs[0] = (f"group {name_text(group.name)}({inputs[0][0]}",)
    yield from _filled([*inputs[:-1], (inputs[-1][0] + end,)], "", "    ")
    if not group.rule:
        return
    for rule in group.rule:
        yield from _rule(rule, "  ")
    yield "}"


def _input(entry: Input) -> str:
    return f"{entry.mode} {name_text(entry.name)}" + (f" : {_type(entry.type)}" if entry.type is not None else "")


def _type(name: str) -> str:
    return name if is_plain(name) else in_quotes(name)


def _rule(rule: Rule, indent: str) -> Iterator[str]:
    yield from _documentation(rule.documentation, indent)
    name = f" {in_quotes(rule.name)}" if rule.named else ""
    before, after = _pieces(rule)
    if rule.rule:
        after.append(("{",) if rule.dependent else ("then {",))
    elif after:
        after[-1] = _ended(after[-1], name + ";")
    else:
        before[-1] = _ended(before[-1], name + ";")
    yield from _laid_out(before, after, indent, indent + ("    " if rule.rule else "  "))
    if rule.rule:
        for inner in rule.rule:
            yield from _rule(inner, indent + "  ")
        yield f"{indent}}}{name};"


def _pieces(rule: Rule) -> tuple[list[_Piece], list[_Piece]]:
    """The sources, and all that follows them."""
    before: list[_Piece] = []
    for index, source in enumerate(rule.source):
        before += [(clause,) for clause in _source(source)]
        if index + 1 < len(rule.source):
            before[-1] = _ended(before[-1], ",")
    targets = _with_commas([_target(entry) for entry in rule.target])
    if targets:
        targets[0] = ("-> " + targets[0][0], *targets[0][1:])
    calls = _with_commas([_call(name_text(entry.name), entry.parameter) for entry in rule.dependent])
    if calls:
        calls[0] = ("then " + calls[0][0], *calls[0][1:])
    return before, targets + calls


def _with_commas(pieces: list[_Piece]) -> list[_Piece]:
    return [_ended(piece, ",") for piece in pieces[:-1]] + pieces[-1:]


def _ended(piece: _Piece, end: str) -> _Piece:
    return (*piece[:-1], piece[-1] + end)


def _laid_out(before: list[_Piece], after: list[_Piece], indent: str, further: str) -> Iterator[str]:
    whole = indent + " ".join(part for piece in (*before, *after) for part in piece)
    if len(whole) <= _WIDTH:
        yield whole
        return
    yield from _filled(before, indent, further)
    yield from _filled(after, further, further)


def _filled(pieces: list[_Piece], first: str, further: str) -> Iterator[str]:
    """Lines as long as they may be. A piece is broken only where it does not fit into a line of its own."""
    line, begun = first, False
    for piece in pieces:
        whole = " ".join(piece)
        for part in (whole,) if len(further) + len(whole) <= _WIDTH else piece:
            if begun and len(line) + 1 + len(part) > _WIDTH:
                yield line
                line, begun = further, False
            line, begun = f"{line} {part}" if begun else line + part, True
    if begun:
        yield line


def _source(source: Source) -> list[str]:
    head = _path(source.context, source.element)
    if source.type is not None:
        head += f" : {_type(source.type)}"
    if source.min is not None:
        head += f" {source.min}..{'*' if source.max is None else source.max}"
    if source.default is not None:
        head += f" default ({source.default.text})"
    if source.list_mode is not None:
        head += f" {source.list_mode}"
    if source.variable is not None:
        head += f" as {name_text(source.variable)}"
    clauses = (("where", source.condition), ("check", source.check), ("log", source.log))
    return [head] + [f"{word} ({clause.text})" for word, clause in clauses if clause is not None]


def _target(target: Target) -> _Piece:
    alone = target.context is None
    made = () if target.transform is None else _transform(target.transform, target.parameter, alone=alone)
    if target.context is not None:
        path = _path(target.context, target.element)
        made = (f"{path} = {made[0]}", *made[1:]) if made else (path,)
    end = f" as {name_text(target.variable)}" if target.variable is not None else ""
    for mode in target.list_mode:
        end += f" share {name_text(target.list_rule_id or '')}" if mode == "share" else f" {mode}"
    return _ended(made, end)


def _path(context: str, element: str | None) -> str:
    return name_text(context) + (f".{name_text(element)}" if element is not None else "")


def _transform(name: str, parameters: tuple[Parameter, ...], *, alone: bool) -> _Piece:
    match name, parameters:
        case "evaluate", (Expression(text=text),):
            return (f"({text})",)
        case "evaluate", (Name() as context, Expression(text=text)):
            return (f"evaluate({_parameter(context)},", f"{text})")
        case "copy", (Literal() | Name() as given,) if not alone:
            return (_parameter(given),)
    return _call(name_text(name), parameters)


def _call(name: str, parameters: tuple[Parameter, ...]) -> _Piece:
    given = [_parameter(entry) for entry in parameters] or [""]
    given[0] = f"{name}({given[0]}"
    return tuple([f"{entry}," for entry in given[:-1]] + [given[-1] + ")"])


def _parameter(entry: Parameter) -> str:
    if isinstance(entry, Name):
        return name_text(entry.name)
    return f"({entry.text})" if isinstance(entry, Expression) else constant_text(entry)
