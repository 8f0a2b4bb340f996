"""Small maps, tried out: a fixture each for running one and for reading why one is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.run import Limits
from fhir_service.mapping.shapes import Shapes
from fhir_service.terminology.concept_maps import ConceptMaps

URL = "https://example.org/StructureMap/test"
FHIR = "http://hl7.org/fhir/StructureDefinition/"

CONCEPT_MAP = {
    "resourceType": "ConceptMap",
    "url": "https://example.org/ConceptMap/levels",
    "version": "1",
    "group": [
        {
            "source": "urn:levels",
            "target": "http://snomed.info/sct",
            "element": [
                {"code": "L1", "target": [{"code": "66794005", "display": "L1", "equivalence": "equal"}]},
                {"code": "L9", "target": [{"equivalence": "unmatched"}]},
                {"code": "near", "target": [{"code": "1", "equivalence": "narrower"}]},
                {
                    "code": "two",
                    "target": [{"code": "1", "equivalence": "equal"}, {"code": "2", "equivalence": "equal"}],
                },
            ],
        }
    ],
}


def header(target: str, source: str | None) -> str:
    uses = f'uses "{FHIR}{source}" alias {source} as source\n' if source else ""
    return f'map "{URL}" = "test"\n{uses}uses "{FHIR}{target}" alias {target} as target\n'


def library(text: str, *, once: bool = False, **others: str) -> MapLibrary:
    concept_maps = ConceptMaps({str(CONCEPT_MAP["url"]): CONCEPT_MAP})
    return MapLibrary({"test": text, **others}, concept_maps, Shapes(), Limits(steps=5000, seconds=5), once=once)


Mapped = Callable[..., dict[str, Any]]
Refused = Callable[..., MappingError]


@pytest.fixture
def mapped() -> Mapped:
    """mapped(rules, source, target='Patient', reads=None, more=''): what the rules of one group make of a source."""

    def run(
        rules: str,
        source: Mapping[str, Any],
        *,
        target: str = "Patient",
        reads: str | None = None,
        more: str = "",
        once: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        text = map_text(rules, target, reads, more)
        return library(text, once=once).transform(URL, source, **options)

    return run


@pytest.fixture
def refused(mapped: Mapped) -> Refused:
    """The MappingError of rules that cannot be loaded, or cannot be run on the source."""

    def run(rules: str, source: Mapping[str, Any] | None = None, **options: Any) -> MappingError:
        with pytest.raises(MappingError) as caught:
            mapped(rules, source or {}, **options)
        return caught.value

    return run


def map_text(rules: str, target: str = "Patient", reads: str | None = None, more: str = "") -> str:
    """Rules begin at line 4 (5 where the source is declared)."""
    typed = f" : {reads}" if reads else ""
    return f"{header(target, reads)}group test(source src{typed}, target tgt : {target}) {{\n{rules}\n}}\n{more}"
