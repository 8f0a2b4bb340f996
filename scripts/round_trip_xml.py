"""Every resource of HL7's package, and of NDJSON files, to XML and back: the same values, decimals digit by digit.

    npm pack hl7.fhir.r4.examples@4.0.1 && tar xzf hl7.fhir.r4.examples-4.0.1.tgz     # outside this repository
    python scripts/round_trip_xml.py path/to/package [more folders]

Prints what does not come back as it was, and exits 1 if anything does not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fhir_service.fhir.errors import FhirError
from fhir_service.formats.xml_reader import json_from_xml
from fhir_service.formats.xml_writer import xml_from_json


class Number(str):
    """A number as it is written: 1.0 is not 1.00."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is Number and str.__eq__(self, other)

    __hash__ = str.__hash__


def exact(text: bytes) -> Any:
    return json.loads(text, parse_int=Number, parse_float=Number)


def resources(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The name and text of each resource in a folder, in files of one or of many."""
    for file in sorted(folder.glob("*.json")):
        text = file.read_bytes()
        if "resourceType" in json.loads(text):
            yield file.name, text
    for file in sorted(folder.glob("*.ndjson")):
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            if line.strip():
                yield f"{file.name}:{number}", line


def fault(text: bytes) -> str:
    """What goes wrong on the way there and back; empty where nothing does."""
    try:
        back = json_from_xml(xml_from_json(text))
    except FhirError as error:
        return str(error)
    return "" if exact(back) == exact(text) else "comes back changed"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    tried = failed = 0
    for folder in parser.parse_args().folders:
        for name, text in resources(folder):
            tried += 1
            if why := fault(text):
                failed += 1
                print(f"{name}: {why}")
    print(f"{tried:,} resources, {failed:,} faults")
    return 1 if failed or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
