"""HL7's own mapping cases: what the reference engine makes of them, exactly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.shapes import Shapes
from fhir_service.terminology.concept_maps import ConceptMaps

CASES = Path(__file__).parents[3].parent / "shared" / "conformance" / "hl7-mapping"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")


@pytest.mark.parametrize("name", ["qr2pat-assignment", "qr2pat-gender", "qr2pat-humannametwice"])
def test_the_output_is_that_of_the_reference_engine(name: str) -> None:
    library = MapLibrary({name: (CASES / f"{name}.map").read_text()}, ConceptMaps({}), Shapes())
    source = json.loads((CASES / "qr.json").read_text())
    expected = json.loads((CASES / f"{name}-res.json").read_text())
    made = library.transform(next(iter(library.maps)), source)
    assert json.dumps(made) == json.dumps(expected)
