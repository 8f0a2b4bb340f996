"""HL7's own R4 examples through every layer of validation; refused may only be what the table says breaks R4.

    npm pack hl7.fhir.r4.examples@4.0.1 && tar xzf hl7.fhir.r4.examples-4.0.1.tgz     # outside this repository
    python scripts/check_examples.py path/to/package

Prints how many there are and where the findings differ from docs/conformance/refused-examples.toml; exits 1 then.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fhir_service.validation.json_text import read_json
from fhir_service.workflows.check_conformance import all_issues, conformance

TABLE = Path(__file__).parent.parent / "docs" / "conformance" / "refused-examples.toml"
DEFINITIONS = frozenset(
    {
        "CapabilityStatement",
        "CodeSystem",
        "CompartmentDefinition",
        "ConceptMap",
        "ImplementationGuide",
        "NamingSystem",
        "OperationDefinition",
        "SearchParameter",
        "StructureDefinition",
        "StructureMap",
        "ValueSet",
    }
)


def examples(package: Path) -> Iterator[tuple[str, Any]]:
    """Name and content of every resource that is no definition, nor a Bundle of some."""
    for file in sorted(package.glob("*-*.json")):
        if file.name.partition("-")[0] in DEFINITIONS:
            continue  # most of the package: not even read
        resource = read_json(file.read_bytes())
        kind = resource.get("resourceType", "")
        if kind == "Bundle" and "entry" in resource:
            kind = resource["entry"][0].get("resource", {}).get("resourceType", kind)
        if kind and kind not in DEFINITIONS:
            yield file.stem, resource


def refused(package: Path) -> tuple[int, dict[str, list[str]]]:
    """How many examples there are, and the rules that those break which are refused."""
    known, found, count = conformance(), {}, 0
    for name, resource in examples(package):
        count += 1
        issues = [issue for issue in all_issues(resource, known) if issue.severity in ("error", "fatal")]
        if issues:
            found[name] = sorted({issue.rule or issue.code for issue in issues})
    return count, found


def expected() -> dict[str, list[str]]:
    """By example the rules that the table says it breaks. Exits where one is under two reasons."""
    rules: dict[str, list[str]] = {}
    for reason in tomllib.loads(TABLE.read_text("utf-8"))["reason"]:
        if twice := sorted(rules.keys() & set(reason["files"])):
            raise SystemExit(f"{TABLE.name}: {', '.join(twice)}: one reason names all rules that an example breaks")
        rules |= {name: sorted(reason["rules"]) for name in reason["files"]}
    return rules


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    count, found = refused(Path(sys.argv[1]))
    wanted = expected()
    print(f"{count} examples, {len(found)} refused")
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            print(f"{name}: found {found.get(name, 'no fault')}, the table says {wanted.get(name, 'nothing')}")
    return 0 if count and found == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
