"""Each event of the real reports is projected into what the research profile takes, or told with the rule it misses."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from research_events import BASE, HL7, PROFILE

from fhir_service.fhir.json_text import encode, parse
from fhir_service.mapping.research_events import misses, research_events
from fhir_service.reports.report import Report, Source
from fhir_service.validation.structure import findings
from fhir_service.workflows.check_conformance import conformance
from fhir_service.workflows.map_report import map_report

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
RETOLD = sorted((ROOT / "seeds").glob("*/report.txt"))
TEXTS = [*RETOLD, *sorted((SHARED / "seeds").glob("*.txt")), *sorted((SHARED / "dev-reports" / "texts").glob("*.txt"))]
ENDED = ("resolved", "recovering", "ongoing", "resolvedWithSequelae", "fatal")


def transaction(path: Path) -> dict[str, Any]:
    report = Report(text=path.read_bytes().decode(), source=Source(name=path.stem))
    return map_report(report, recorded="2026-01-31T12:00:00Z", base=BASE).bundle


def events_of(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    found = [entry["resource"] for entry in bundle.get("entry", ())]
    return [resource for resource in found if resource["resourceType"] == "AdverseEvent"]


def codes(event: dict[str, Any], element: str) -> set[str]:
    system = f"{HL7}/adverse-event-{element}"
    return {one["code"] for one in event.get(element, {}).get("coding", ()) if one.get("system") == system}


def is_whole(event: dict[str, Any]) -> bool:
    """Whether it says why it is serious, or that it is not, and how it ended."""
    return bool(codes(event, "seriousness") - {"Serious"}) and bool(codes(event, "outcome") & set(ENDED))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_event_satisfies_the_profile_or_is_told_with_the_rule_it_misses(path: Path) -> None:
    given = transaction(path)
    # As it is sent: what is printed is what others read.
    projected = parse(encode(research_events(given, BASE)))
    events = events_of(projected)
    assert [event["id"] for event in events] == [event["id"] for event in events_of(given) if is_whole(event)]
    assert findings(encode(projected)) == []
    for event in events:
        assert [issue for issue in conformance(BASE).issues(event, PROFILE) if issue.severity != "information"] == []
    told = {issue["expression"][0].split("'")[1] for issue in misses(projected)}
    assert told == {event["id"] for event in events_of(given)} - {event["id"] for event in events}


def test_of_the_fifteen_cases_these_events_are_projected_and_these_rules_missed() -> None:
    given = [transaction(path) for path in RETOLD]
    patients = [
        entry for bundle in given for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient"
    ]
    projected = [research_events(bundle, BASE) for bundle in given]
    rules = Counter(issue["details"]["coding"][0]["code"] for bundle in projected for issue in misses(bundle))
    assert len(patients) == 15
    assert sum(len(events_of(bundle)) for bundle in given) == 26
    assert sum(len(events_of(bundle)) for bundle in projected) == 8
    assert rules == {"ae-research.seriousness": 16, "ae-research.outcome": 12}


def test_our_validator_finds_what_a_projection_lacks() -> None:
    (event, *_) = [event for path in RETOLD for event in events_of(research_events(transaction(path), BASE))]
    whole = json.loads(encode(event))
    assert conformance(BASE).issues(whole, PROFILE) == []
    for element in ("modifierExtension", "event", "seriousness", "outcome", "study", "extension"):
        rest = {name: value for name, value in whole.items() if name != element}
        found = {issue.rule for issue in conformance(BASE).issues(rest, PROFILE) if issue.severity == "error"}
        assert found & {"profile.min", "aeClinRes-seriousness-1"}, element
