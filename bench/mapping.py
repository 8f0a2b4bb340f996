"""Loading the maps, and mapping one report with eight patients: `python bench/mapping.py [--json]`.

From the facts of the report to its Bundle with every Provenance, on one core; reading the text is not counted. The CPU
time of the process, so that what else the machine does counts less; the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from fhir_service.definitions.catalogue import DEFAULT_BASE, catalogue
from fhir_service.extraction.read_report import extract
from fhir_service.mapping.library import MapLibrary, load_library
from fhir_service.mapping.map_input import map_input
from fhir_service.mapping.map_report import MAP, map_case_report, map_case_report_traced, map_library
from fhir_service.mapping.shapes import Shapes
from fhir_service.reports.report import Report
from fhir_service.reports.source import source_from_json
from fhir_service.terminology.concept_maps import ConceptMaps

REPORT = Path(__file__).parent.parent / "seeds" / "001-vertebroplasty-intradural-cement"
RECORDED = "2026-01-31T12:00:00Z"
ROUNDS = 21
FHIR = "http://hl7.org/fhir/StructureDefinition/"
FORM = f"""map "urn:form" = "form"
uses "{FHIR}QuestionnaireResponse" alias QuestionnaireResponse as source
uses "{FHIR}Patient" alias Patient as target
group form(source src : QuestionnaireResponse, target tgt : Patient) {{ src.item as item then item(item, tgt); }}
group item(source src, target tgt : Patient) {{
  src.item as item then item(item, tgt);
  src.item as item where linkId.value = 'last' -> tgt.name as name then last(item, name);
  src.item as item where linkId.value = 'sex' -> tgt.gender = (item.answer.valueString);
}}
group last(source src, target name : HumanName) {{ src.answer as answer -> name.family = (answer.valueString); }}
"""
ITEMS = [{"linkId": name, "answer": [{"valueString": word}]} for name, word in (("last", "Ito"), ("sex", "female"))]
RESPONSE = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": "patient", "item": ITEMS}]}


def figures() -> dict[str, dict[str, float]]:
    source = source_from_json((REPORT / "source.json").read_bytes())
    report = Report(text=(REPORT / "report.txt").read_text("utf-8"), source=source)
    facts, maps = extract(report), map_library(DEFAULT_BASE)
    given, case_map = map_input(facts, report), DEFAULT_BASE + MAP
    form = MapLibrary({"form": FORM}, ConceptMaps({}), Shapes())
    recorded = {"recorded": RECORDED, "base": DEFAULT_BASE}
    return {
        "maps": {"s to load": _seconds(lambda: load_library(catalogue(DEFAULT_BASE)), 5)},
        "report": {
            "patients": len(facts.case),
            "resources": len(map_case_report(facts, report, **recorded)["entry"]),
            "ms to map": _milliseconds(lambda: map_case_report(facts, report, **recorded)),
            "ms in the maps": _milliseconds(lambda: maps.transform(case_map, given)),
            "ms in the maps, noted": _milliseconds(lambda: maps.transform_traced(case_map, given)),
            "ms with the trace read": _milliseconds(lambda: map_case_report_traced(facts, report, **recorded).trace),
        },
        "form": {
            "ms to load": _milliseconds(lambda: form.with_maps(form.maps.values())),
            "ms to transform": _milliseconds(lambda: form.transform("urn:form", RESPONSE)),
        },
    }


def _milliseconds(work: Callable[[], object]) -> float:
    return round(_seconds(work, ROUNDS) * 1e3, 2)


def _seconds(work: Callable[[], object], rounds: int) -> float:
    work()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return round(statistics.median(times), 6)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true")
    wanted = arguments.parse_args()
    found = figures()
    if wanted.json:
        print(json.dumps(found))
        return
    for name, times in found.items():
        print(f"{name:8}", *(f"{what}: {value}" for what, value in times.items()), sep="  ")


if __name__ == "__main__":
    main()
