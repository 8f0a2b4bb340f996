"""Every fact that is read says by which rule, and every rule is in the published list."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from reading import read

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.extraction.lexicon import lexicon
from fhir_service.reports.case_report import Case, CaseReport, Stated

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
LIST = ROOT / "docs" / "conformance" / "reading-rules.md"
FILES = [*ROOT.glob("seeds/*/report.txt"), *SHARED.glob("seeds/*.txt"), *SHARED.glob("dev-reports/texts/*.txt")]
TESTS = sorted((ROOT / "tests" / "unit" / "extraction").glob("*.py"))
SHORTEST = 40
"""Characters of a string in a test that is taken for a text."""


def codes(system: str) -> set[str]:
    return {
        each["code"]
        for each in catalogue().artifact(Kind.CODE_SYSTEM, f"{DEFAULT_BASE}/CodeSystem/{system}")["concept"]
    }


def times() -> set[str]:
    return {term.code for term in lexicon("timepoints").terms}


def published() -> set[str]:
    """The list, each family with all its codes."""
    families = {
        "complications": codes("complication"),
        "remarks": codes("remark") | {term.code for term in lexicon("remarks").terms},
        "techniques": codes("procedure-detail") | {"cement"},
        "timepoints": times(),
        "muscle_table": times(),
    }
    rules: set[str] = set()
    for module, name in re.findall(r"^\| `([a-z_]+)\.([\w<>-]+)` \|", LIST.read_text("utf-8"), re.MULTILINE):
        rules |= {f"{module}.{code}" for code in (families[module] if name == "<code>" else {name})}
    return rules


def texts() -> Iterator[str]:
    for file in FILES:
        yield file.read_bytes().decode()
    for test in TESTS:
        for node in ast.walk(ast.parse(test.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) >= SHORTEST:
                yield node.value


def stated(value: Any) -> Iterator[Stated]:
    if isinstance(value, tuple):
        for item in value:
            yield from stated(item)
    elif isinstance(value, msgspec.Struct):
        if isinstance(value, Stated):
            yield value
        for name in value.__struct_fields__:
            yield from stated(getattr(value, name))


def facts(report: CaseReport) -> Iterator[Stated]:
    """The facts themselves, without their parts."""
    yield from (*report.group_statement, *report.contradiction)
    for case in report.case:
        for name in Case.__struct_fields__:
            value = getattr(case, name)
            yield from (each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, Stated))


def test_every_fact_says_a_rule_of_the_list_and_is_as_sure_as_a_probability() -> None:
    known = published()
    seen: set[str] = set()
    for text in dict.fromkeys(texts()):
        report = read(text)
        assert all(fact.rule for fact in facts(report)), text[:80]
        for each in stated(report):
            if each.rule:
                seen.add(each.rule)
            assert each.confidence is None or 0 < each.confidence <= 1
    assert seen <= known, sorted(seen - known)
    assert len(seen) > 100


def test_no_rule_is_listed_twice() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", LIST.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(set(rows))


def test_every_rule_of_the_list_is_in_the_code() -> None:
    code = "\n".join(file.read_text("utf-8") for file in (ROOT / "fhir_service" / "extraction").glob("*.py"))
    rows = re.findall(r"^\| `[a-z_]+\.([\w-]+)` \|", LIST.read_text("utf-8"), re.MULTILINE)
    missing = [name for name in rows if not re.search(rf"[\"'.]{name}\b|\b{name.rsplit('-', 1)[-1]}\b", code)]
    assert missing == []
