"""FHIR Mapping Language text -> StructureMap tree (R4 mapping-language.html, and the header and clauses of R5).

    map         := ('///' name '=' literal | 'map' url '=' name | conceptmap | uses | imports | constant)* group+
    uses        := 'uses' url ('alias' name)? 'as' ('source' | 'target' | 'queried' | 'produced')
    imports     := 'imports' url
    constant    := 'let' name '=' fhirpath ';'
    group       := 'group' name '(' input (',' input)* ')' ('extends' name)? type-mode? '{' rule* '}'
    type-mode   := '<<types>>' | '<<type+>>'

Rules are in rule_parser.py, embedded concept maps in concept_map_parser.py. Nothing is resolved here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fhir_service.fhir.fhirpath_lexer import SyntaxFault, Tokens
from fhir_service.mapping.concept_map_parser import read_concept_map
from fhir_service.mapping.errors import Fault, MappingError
from fhir_service.mapping.map_metadata import Metadata
from fhir_service.mapping.rule_parser import read_rules
from fhir_service.mapping.syntax import Expression, Group, Import, Input, Structure, StructureMap
from fhir_service.mapping.term_parser import here, name_of, quoted, read_constant, read_fhirpath, type_of

MODES = ("source", "target", "queried", "produced")


def parse_map(text: str, name: str) -> StructureMap:
    """The tree of one map. `name` (a file name) is for messages. Raises MappingError with line and column."""
    try:
        tokens = Tokens(text)
        try:
            return _Parser(tokens).read(name)
        except RecursionError as error:
            at = tokens.current
            raise SyntaxFault("this is nested too deeply", at.line, at.column) from error
    except SyntaxFault as fault:
        raise MappingError(fault.text, map_name=name, line=fault.line, column=fault.column) from fault


@dataclass(slots=True)
class _Parser:
    tokens: Tokens
    url: str = ""
    name: str = ""
    metadata: Metadata = field(default_factory=Metadata)
    contained: dict[str, dict[str, Any]] = field(default_factory=dict)
    structures: list[Structure] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    constants: list[tuple[str, Expression]] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)

    def read(self, file_name: str) -> StructureMap:
        tokens = self.tokens
        while tokens.current.kind != "end":
            self._declaration()
        if not self.groups:
            raise tokens.fault("'group'")
        given = self.metadata.elements
        url = self.url or given.get("url", "")
        if not url:
            raise SyntaxFault('the map has no url: begin with  map "url" = "name"  or  /// url = \'url\'', 1, 1)
        return StructureMap(
            url=url,
            name=self.name or given.get("name", file_name),
            structure=tuple(self.structures),
            imports=tuple(self.imports),
            group=tuple(self.groups),
            metadata=self.metadata.lines(),
            contained=self.contained,
            constant=tuple(self.constants),
        )

    def _declaration(self) -> None:
        tokens = self.tokens
        if tokens.at("///"):
            self._metadata()
        elif tokens.accept("map"):
            self.url = quoted(tokens)
            tokens.expect("=")
            self.name = name_of(tokens)
        elif tokens.at("conceptmap"):
            name, concept_map = read_concept_map(tokens)
            self.contained[name] = concept_map
        elif tokens.accept("uses"):
            self._uses()
        elif tokens.accept("imports"):
            position = here(tokens)
            self.imports.append(Import(quoted(tokens), position))
        elif tokens.accept("let"):
            self._constant()
        elif tokens.at("group"):
            self.groups.append(self._group())
        else:
            raise tokens.fault("'///', 'map', 'conceptmap', 'uses', 'imports', 'let' or 'group'")

    def _metadata(self) -> None:
        tokens = self.tokens
        line = tokens.take().line
        at = tokens.current
        name = name_of(tokens)
        while tokens.accept("."):
            name += "." + name_of(tokens)
        tokens.expect("=")
        has_value = tokens.current.line == line and tokens.current.kind != "end"
        try:
            self.metadata.add(name, read_constant(tokens).value if has_value else None)
        except Fault as fault:
            raise SyntaxFault(str(fault), at.line, at.column) from fault

    def _uses(self) -> None:
        tokens = self.tokens
        position, url = here(tokens), quoted(tokens)
        alias = name_of(tokens) if tokens.accept("alias") else None
        tokens.expect("as")
        if not tokens.at(*MODES):
            raise tokens.fault("'source', 'target', 'queried' or 'produced'")
        self.structures.append(Structure(url, tokens.take().text, alias, position))

    def _constant(self) -> None:
        tokens = self.tokens
        name = name_of(tokens)
        tokens.expect("=")
        self.constants.append((name, read_fhirpath(tokens)))
        tokens.expect(";")

    def _group(self) -> Group:
        tokens = self.tokens
        position = here(tokens)
        tokens.expect("group")
        name = name_of(tokens)
        inputs = self._inputs()
        extends = name_of(tokens) if tokens.accept("extends") else None
        type_mode = self._type_mode()
        if extends is None and tokens.accept("extends"):
            extends = name_of(tokens)
        return Group(name, inputs, extends, type_mode, read_rules(tokens), position)

    def _inputs(self) -> tuple[Input, ...]:
        tokens = self.tokens
        tokens.expect("(")
        inputs: list[Input] = []
        while True:
            position = here(tokens)
            if not tokens.at("source", "target"):
                raise tokens.fault("'source' or 'target'")
            mode = tokens.take().text
            name = name_of(tokens)
            inputs.append(Input(name, mode, type_of(tokens) if tokens.accept(":") else None, position))
            if not tokens.accept(","):
                break
        tokens.expect(")")
        return tuple(inputs)

    def _type_mode(self) -> str:
        tokens = self.tokens
        if not tokens.accept("<<"):
            return "none"
        if tokens.accept("types"):
            mode = "types"
        elif tokens.accept("type"):
            tokens.expect("+")
            mode = "type-and-types"
        else:
            raise tokens.fault("'types' or 'type+'")
        tokens.expect(">>")
        return mode
