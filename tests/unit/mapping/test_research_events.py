"""An R4 AdverseEvent in the form of the research guide: table B4 of the registry contract, line by line."""

from __future__ import annotations

from typing import Any

import pytest
from research_events import (
    ABSENT,
    BASE,
    GUIDE,
    NCI,
    PROFILE,
    SERIOUSNESS,
    SPAN,
    coded,
    event,
    extensions,
    missed,
    part,
    projected,
    view,
)

from fhir_service.definitions.catalogue import Kind, catalogue
from fhir_service.fhir import fhirpath_fallback
from fhir_service.fhir.json_text import encode
from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.research_events import research_events
from fhir_service.mapping.shapes import Shapes
from fhir_service.terminology.concept_maps import ConceptMaps
from fhir_service.validation.structure import findings

DOCUMENT = {"resourceType": "DocumentReference", "id": "d", "status": "current", "content": [{"attachment": {}}]}
CERTAIN = "adverse-event-causality-assess"


def test_the_profile_and_the_status_are_stated() -> None:
    found = view(event(meta={"versionId": "3", "profile": ["http://other.example/profile"], "tag": [{"code": "t"}]}))
    assert found["meta"] == {"versionId": "3", "profile": [PROFILE], "tag": [{"code": "t"}]}
    assert found["modifierExtension"] == [{"url": f"{GUIDE}/status", "valueCode": "completed"}]


def test_an_event_whose_only_report_was_withdrawn_is_entered_in_error() -> None:
    reported = event(referenceDocument=[{"reference": "DocumentReference/d"}])
    withdrawn = {**DOCUMENT, "status": "entered-in-error"}
    assert view(reported, withdrawn)["modifierExtension"][0]["valueCode"] == "entered-in-error"
    assert view(reported, DOCUMENT)["modifierExtension"][0]["valueCode"] == "completed"
    two = event(referenceDocument=[{"reference": "DocumentReference/d"}, {"reference": "DocumentReference/other"}])
    assert view(two, withdrawn)["modifierExtension"][0]["valueCode"] == "completed"


def test_a_status_that_is_there_stays_alone() -> None:
    status = {"url": f"{GUIDE}/status", "valueCode": "in-progress"}
    assert view(event(modifierExtension=[status]))["modifierExtension"] == [status]


def test_without_a_study_the_reference_says_only_that_there_is_none() -> None:
    assert view(event())["study"] == [{"extension": [{"url": ABSENT, "valueCode": "not-applicable"}]}]
    study = [{"reference": "ResearchStudy/s"}]
    assert view(event(study=study))["study"] == study


@pytest.mark.parametrize(
    ("code", "nci"),
    [
        ("resolved", "C49498"),
        ("recovering", "C49496"),
        ("ongoing", "C49494"),
        ("resolvedWithSequelae", "C49495"),
        ("fatal", "C48275"),
    ],
)
def test_the_outcome_keeps_its_code_and_has_that_of_the_guide_beside_it(code: str, nci: str) -> None:
    outcome = coded("adverse-event-outcome", code, text="as told", extension=SPAN)
    found = view(event(outcome=outcome))["outcome"]
    assert found == {**outcome, "coding": [*outcome["coding"], {"system": NCI, "code": nci}]}


@pytest.mark.parametrize(
    ("code", "nci"),
    [
        ("SeriousResultsInDeath", "C48275"),
        ("SeriousIsLifeThreatening", "C84266"),
        ("SeriousResultsInHospitalization", "C83052"),
        ("SeriousResultsInDisability", "C11338"),
        ("SeriousIsBirthDefect", "C83117"),
        ("SeriousRequiresPreventImpairment", "C201939"),
    ],
)
def test_a_code_that_says_why_an_event_is_serious_becomes_a_criterion(code: str, nci: str) -> None:
    found = view(event(seriousness=coded("adverse-event-seriousness", code, text="as told")))
    assert found["seriousness"]["coding"] == [{"system": SERIOUSNESS, "code": one} for one in (code, "serious")]
    assert found["seriousness"]["text"] == "as told"
    (criterion,) = extensions(found, "seriousness-criteria")
    assert part(criterion, "criterionCode")["valueCodeableConcept"] == {"coding": [{"system": NCI, "code": nci}]}
    assert part(criterion, "criterionPresent")["valueBoolean"] is True


def test_an_event_that_is_not_serious_has_no_criterion() -> None:
    found = view(event(seriousness=coded("adverse-event-seriousness", "Non-serious")))
    assert [one["code"] for one in found["seriousness"]["coding"]] == ["Non-serious", "non-serious"]
    assert extensions(found, "seriousness-criteria") == []


def test_codes_of_the_guide_that_are_there_are_not_doubled() -> None:
    seriousness = coded("adverse-event-seriousness", "SeriousIsLifeThreatening", "serious")
    outcome = coded("adverse-event-outcome", "resolved")
    outcome["coding"].append({"system": NCI, "code": "C49498"})
    found = view(event(seriousness=seriousness, outcome=outcome))
    assert (found["seriousness"], found["outcome"]) == (seriousness, outcome)


def test_a_criterion_that_the_event_states_itself_makes_it_serious() -> None:
    criterion = {
        "url": f"{GUIDE}/seriousness-criteria",
        "extension": [
            {"url": "criterionCode", "valueCodeableConcept": {"coding": [{"system": NCI, "code": "C82521"}]}},
            {"url": "criterionPresent", "valueBoolean": True},
        ],
    }
    found = view(event(seriousness=coded("adverse-event-seriousness", "Serious"), extension=[criterion]))
    assert extensions(found, "seriousness-criteria") == [criterion]


def test_each_suspect_and_each_causality_is_one_extension() -> None:
    said = {
        "assessment": coded(CERTAIN, "Possible"),
        "productRelatedness": "the cement",
        "_productRelatedness": {"extension": SPAN},
        "method": {"text": "by judgement"},
        "author": {"reference": "Practitioner/a"},
    }
    cement = {"instance": {"reference": "Device/c"}, "extension": SPAN}
    operation = {"instance": {"reference": "Procedure/p"}, "causality": [said, {"productRelatedness": "or the needle"}]}
    found = view(event(suspectEntity=[cement, operation]))
    assert "suspectEntity" not in found
    first, second, third = extensions(found, "suspect-entity")
    assert part(first, "instance")["valueReference"] == {"reference": "Device/c"}
    assert first["extension"][-1:] == SPAN
    unknown = part(first, "causality", "entityRelatedness")["valueCodeableConcept"]
    assert unknown == {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    assert part(second, "instance") == part(third, "instance")
    related = part(second, "causality", "entityRelatedness")["valueCodeableConcept"]
    assert [one["code"] for one in related["coding"]] == ["Possible", "C53258"]
    assert (related["text"], related["_text"]) == ("the cement", {"extension": SPAN})
    assert part(second, "causality", "assessmentMethod")["valueCodeableConcept"] == {"text": "by judgement"}
    assert part(second, "causality", "author")["valueReference"] == {"reference": "Practitioner/a"}
    words = part(third, "causality", "entityRelatedness")["valueCodeableConcept"]
    assert words == {"text": "or the needle"}


@pytest.mark.parametrize(("code", "nci"), [("Certain", ["C53260"]), ("Unlikely", ["C53257"]), ("Probably-Likely", [])])
def test_an_assessment_keeps_its_code_where_the_guide_has_none(code: str, nci: list[str]) -> None:
    causality = {"assessment": coded(CERTAIN, code, text="their words"), "productRelatedness": "the cement"}
    suspect = {"instance": {"reference": "Device/c"}, "causality": [causality]}
    (found,) = extensions(view(event(suspectEntity=[suspect])), "suspect-entity")
    related = part(found, "causality", "entityRelatedness")["valueCodeableConcept"]
    assert [one["code"] for one in related["coding"]] == [code, *nci]
    assert related["text"] == "their words; the cement"


def test_conditions_history_and_documents_go_into_extensions() -> None:
    found = view(
        event(
            resultingCondition=[{"reference": "Condition/1"}, {"reference": "Condition/2", "display": "b"}],
            subjectMedicalHistory=[{"reference": "Condition/h"}],
            referenceDocument=[{"identifier": {"value": "doc"}}],
        ),
        DOCUMENT,
    )
    effects = [one["valueReference"] for one in extensions(found, "resultingEffect")]
    assert effects == [{"reference": "Condition/1"}, {"reference": "Condition/2", "display": "b"}]
    supporting = [part(one, "item")["valueReference"] for one in extensions(found, "supporting-info")]
    assert supporting == [{"reference": "Condition/h"}, {"identifier": {"value": "doc"}}]
    assert {"resultingCondition", "subjectMedicalHistory", "referenceDocument"}.isdisjoint(found)


@pytest.mark.parametrize(
    "reference", [{"reference": "Media/m"}, {"reference": "#m"}, {"type": "Media", "identifier": {"value": "m"}}]
)
def test_media_in_the_history_are_told_of_and_left_out(reference: dict[str, Any]) -> None:
    media = {"resourceType": "Media", "id": "m", "status": "completed", "content": {"url": "https://example.org/m"}}
    seen = event(contained=[media], subjectMedicalHistory=[reference, {"reference": "Condition/h"}])
    bundle = projected(seen)
    found = bundle["entry"][0]["resource"]
    assert [part(one, "item")["valueReference"] for one in extensions(found, "supporting-info")] == [
        {"reference": "Condition/h"}
    ]
    assert ("contained" in found) == (reference != {"reference": "#m"})
    (issue,) = bundle["entry"][1]["resource"]["issue"]
    assert (issue["severity"], issue["expression"]) == (
        "warning",
        ["AdverseEvent.where(id = 'e1').subjectMedicalHistory"],
    )


def test_everything_else_stays_as_it_was() -> None:
    kept = {
        "language": "en",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
        "contained": [{"resourceType": "Practitioner", "id": "a"}],
        "extension": [{"url": "https://example.org/own", "extension": [{"url": "x", "valueDecimal": 1.5}]}],
        "identifier": {"value": "i"},
        "category": [{"text": "c"}, {"text": "d"}],
        "event": {"coding": [{"system": "urn:s", "code": "x"}], "extension": SPAN},
        "encounter": {"reference": "Encounter/e"},
        "_date": {"extension": [{"url": ABSENT, "valueCode": "unknown"}]},
        "detected": "2020-01-02",
        "_detected": {"extension": SPAN},
        "recordedDate": "2020-01-03",
        "location": {"reference": "Location/l"},
        "severity": coded("adverse-event-severity", "severe"),
        "recorder": {"reference": "#a"},
        "contributor": [{"reference": "Device/d"}],
        "seriousness": coded("adverse-event-seriousness", "Non-serious", "non-serious"),
    }
    found = view(event(**kept))
    assert {name: found[name] for name in kept} == kept
    assert (found["id"], found["subject"]) == ("e1", {"reference": "Patient/p"})


@pytest.mark.parametrize(
    ("change", "rule", "element"),
    [
        ({"actuality": "potential"}, "ae-research.actuality", "actuality"),
        ({"event": None}, "ae-research.event", "event"),
        ({"event": {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}}, "ae-research.event", "event"),
        ({"seriousness": None}, "ae-research.seriousness", "seriousness"),
        ({"seriousness": {"text": "grave"}}, "ae-research.seriousness", "seriousness"),
        ({"seriousness": coded("other-system", "Serious")}, "ae-research.seriousness", "seriousness"),
        ({"seriousness": coded("adverse-event-seriousness", "Serious")}, "aeClinRes-seriousness-1", "seriousness"),
        (
            {"seriousness": coded("adverse-event-seriousness", "SeriousIsBirthDefect", "Non-serious")},
            "aeClinRes-seriousness-1",
            "seriousness",
        ),
        (
            {
                "seriousness": coded("adverse-event-seriousness", "Non-serious"),
                "extension": [{"url": f"{GUIDE}/seriousness-criteria"}],
            },
            "aeClinRes-seriousness-1",
            "seriousness",
        ),
        ({"outcome": None}, "ae-research.outcome", "outcome"),
        ({"outcome": coded("adverse-event-outcome", "unknown")}, "ae-research.outcome", "outcome"),
        ({"study": [{"reference": "ResearchStudy/1"}, {"reference": "ResearchStudy/2"}]}, "ae-research.study", "study"),
        (
            {"suspectEntity": [{"modifierExtension": SPAN, "instance": {"reference": "Device/d"}}]},
            "ae-research.suspect",
            "suspectEntity",
        ),
    ],
)
def test_an_event_that_the_profile_cannot_take_is_left_out_and_told(
    change: dict[str, Any], rule: str, element: str
) -> None:
    bundle = projected(event(**change), event(id="e2"))
    assert [entry["resource"].get("id") for entry in bundle["entry"]] == ["e2", None]
    assert missed(event(**change)) == [(rule, f"AdverseEvent.where(id = 'e1').{element}")]
    (issue,) = bundle["entry"][1]["resource"]["issue"]
    assert issue["severity"] == "error"
    assert len(issue["diagnostics"].split()) > 5


def test_every_rule_that_an_event_misses_is_told() -> None:
    rules = [rule for rule, _ in missed(event(event=None, seriousness=None, outcome=None))]
    assert rules == ["ae-research.event", "ae-research.seriousness", "ae-research.outcome"]


def test_an_event_without_id_is_told_by_its_place_in_the_bundle() -> None:
    (found,) = missed(event(id=None, event=None))
    assert found[1] == "Bundle.entry.where(fullUrl = 'http://localhost/fhir/AdverseEvent/x').resource.event"


def test_other_resources_are_not_carried_over_and_the_whole_is_valid() -> None:
    bundle = projected(DOCUMENT, event(), event(id="e2", outcome=None), {"resourceType": "Patient"})
    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == ["AdverseEvent", "OperationOutcome"]
    assert bundle["type"] == "collection"
    assert findings(encode(bundle)) == []


def test_without_events_the_bundle_is_empty() -> None:
    assert projected(DOCUMENT) == {"resourceType": "Bundle", "type": "collection"}


def test_no_expression_of_the_map_is_left_to_the_slow_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[str] = []
    monkeypatch.setattr(fhirpath_fallback, "left_to_fhirpathpy", lambda text, *_: left.append(text))
    own = catalogue()
    maps = {name: own.structure_map(name) for name in ("adverse-event-research", "case-report-shared")}
    concept_maps, shapes = ConceptMaps(own.artifacts(Kind.CONCEPT_MAP)), Shapes(own.artifacts(Kind.LOGICAL_MODEL))
    assert len(MapLibrary(maps, concept_maps, shapes).maps) == 2
    assert left == []


def test_what_is_no_bundle_is_refused() -> None:
    with pytest.raises(MappingError, match="a Patient was given"):
        research_events({"resourceType": "Patient"}, BASE)
