"""Compile HL7's R4 definitions into fhir_service/definitions/data.

    npm pack hl7.fhir.r4.examples@4.0.1 && tar xzf hl7.fhir.r4.examples-4.0.1.tgz     # outside this repository
    npm pack hl7.fhir.uv.extensions.r4@5.3.0-ballot-tc1 && tar xzf …     # likewise, into another folder
    python scripts/compile_definitions.py path/to/package path/to/extensions/package [--check]

The packages are CC0. The same packages give the same bytes; --check compares instead of writing, and exits 1 on a
difference.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from definition_compiler.codes import NOT_LISTED, required_codes
from definition_compiler.compartments import compartments
from definition_compiler.elements import element_catalogue
from definition_compiler.invariants import invariants
from definition_compiler.json_schema import json_schema
from definition_compiler.package import EXTENSIONS, NAME, VERSION, Package
from definition_compiler.profiles import bound_value_sets, of_units, profiles
from definition_compiler.search_parameters import search_parameters
from definition_compiler.terminology import terminology, without
from definition_compiler.units import common_units

DATA = Path(__file__).parent.parent / "fhir_service" / "definitions" / "data"
LARGEST = 1_500_000


def compiled(package: Package, extensions: Package) -> dict[str, Any]:
    """The content of each data file."""
    source = {"package": f"{NAME}@{VERSION}", "license": "CC0-1.0"}
    definitions = package.resources("StructureDefinition")
    catalogue = element_catalogue(definitions)
    value_sets, code_systems = package.by_url("ValueSet"), package.by_url("CodeSystem")
    known_profiles = profiles(package.resources("StructureDefinition"), extensions.resources("StructureDefinition"))
    bound = {*bound_value_sets(known_profiles), *of_units(value_sets)}
    of_elements = terminology(catalogue, set(), value_sets, code_systems)
    of_profiles = without(of_elements, terminology(catalogue, bound, value_sets, code_systems))
    codes = required_codes(catalogue, value_sets, code_systems)
    return {
        "compartments.json": {
            "source": source,
            "compartments": compartments(package.resources("CompartmentDefinition")),
        },
        "elements.json": {"source": source, **catalogue},
        "profiles.json": {
            "source": {**source, "extensions": f"{EXTENSIONS[0]}@{EXTENSIONS[1]}"},
            "profiles": {entry["url"]: entry for entry in known_profiles},
        },
        "invariants.json": {"source": source, "invariants": invariants(definitions)},
        "required-codes.json": {"source": source, "value_sets": codes, "not_listed": NOT_LISTED},
        "schema.json": {"description": f"From {NAME}@{VERSION} (CC0-1.0)", **json_schema(catalogue, codes)},
        "search-parameters.json": {
            "source": source,
            "search_parameters": search_parameters(package.resources("SearchParameter")),
        },
        "terminology.json": {"source": source, **of_elements},
        "terminology-of-profiles.json": {"source": source, **of_profiles},
        "ucum-units.json": {"source": source, "units": common_units(package.by_url("ValueSet"))},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="the unpacked npm package")
    parser.add_argument("extensions", type=Path, help="the unpacked npm package of the extensions since R4")
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    arguments = parser.parse_args()
    different = []
    for name, content in compiled(Package(arguments.package), Package(arguments.extensions, EXTENSIONS)).items():
        written = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if len(written) > LARGEST:
            raise SystemExit(f"{name} has {len(written):,} bytes, more than {LARGEST:,}")
        file = DATA / name
        if not arguments.check:
            DATA.mkdir(exist_ok=True)
            file.write_bytes(written)
            print(f"{file}  {len(written):,} bytes")
        elif not file.exists() or file.read_bytes() != written:
            different.append(name)
    if different:
        print(f"differs from what {arguments.package} gives: {', '.join(different)}", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
