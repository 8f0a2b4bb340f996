"""How a map is laid out as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.map_text import to_text
from fhir_service.mapping.parser import parse_map

LONG = "'https://vertebral-augmentation.example.org/fhir/ConceptMap/procedure-kind-to-snomed'"


def test_a_rule_is_one_line_where_it_fits_and_else_broken_at_its_parts() -> None:
    text = f"""\
/// status = 'draft'
/// description = \"\"\"
Two
lines
\"\"\"
map "urn:m" = "m"

conceptmap "#c" {{
  prefix s = "urn:s"
  prefix t = "urn:t"
  unmapped for s = provided
  s:a - t:"b c"
  s:x --
}}

uses "urn:a" alias A as source

imports "urn:c*"

let unit = 'mL';

group g(source s : "A.b", target t) extends other <<type+>> {{
  s.a -> t.b;
  s.x : Quantity 0..* default ('x') first as x where (a = 1) check (b) log (c) -> t.y = x first, t.z = 8.0 "name";
  s.kind as kind where (polarity.empty() or polarity = 'affirmed')
    -> t.code = translate(kind, {LONG},
    'CodeableConcept'), t.category = create('CodeableConcept') as category share `of group`
    then Concept(kind, 'urn:system', category), Other((kind.text)) "kind";
  s.kind as kind then Concept(kind, 'urn:system', t), Other(kind) {{
    kind.code as code -> t.`odd name` = code;
  }} "nested";
}}

group other(source s, target t) {{}}
"""
    tree = parse_map(text, "m")
    assert to_text(tree) == text


def test_documentation_becomes_comments() -> None:
    tree = parse_map('map "urn:m" = "m" group g(source s) { s.a; }', "m")
    rule = replace(tree.group[0].rule[0], documentation="One\nand two")
    group = replace(tree.group[0], rule=(rule,), documentation="What it is for")
    text = to_text(replace(tree, group=(group,)))
    assert text.endswith("// What it is for\ngroup g(source s) {\n  // One\n  // and two\n  s.a;\n}\n")


def test_a_concept_map_that_the_language_has_no_words_for_is_refused() -> None:
    tree = parse_map('map "urn:m" = "m" group g(source s) { s.a; }', "m")
    group = {"source": "urn:s", "element": [{"code": "a"}], "unmapped": {"mode": "fixed", "code": "x"}}
    with pytest.raises(MappingError, match="no words for unmapped with mode fixed"):
        to_text(replace(tree, contained={"c": {"resourceType": "ConceptMap", "group": [group]}}))
