"""Our own terminologies answer whole: every value set, every code, every row; HL7's as far as they are held."""

from __future__ import annotations

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.definitions.codes import required_codes
from fhir_service.definitions.data_files import read_data
from fhir_service.terminology.code_validation import Coding, judged_by_system, judged_by_value_set
from fhir_service.terminology.terminologies import terminologies
from fhir_service.terminology.translations import NO_TRANSLATION, translations

OWN = terminologies()
SNOMED = "http://snomed.info/sct"


def test_every_value_set_of_ours_expands_and_every_code_of_it_is_right() -> None:
    urls = catalogue().artifacts(Kind.VALUE_SET)
    assert len(urls) >= 21
    for url in urls:
        members = OWN.value_sets.members(url)
        assert members, url
        for member in members.values():
            coding = Coding(member.system, member.code, member.display or "", member.version or "")
            assert judged_by_value_set(OWN.code_systems, members, url, coding).result, coding
            # What a guide lists is as the guide spells it: the research guide's `serious` is R4's `Serious`.
            assert judged_by_system(OWN.code_systems, coding).result or not url.startswith(DEFAULT_BASE), coding


def test_every_row_of_every_map_of_ours_translates_and_translates_back() -> None:
    rows = 0
    for url, resource in catalogue().artifacts(Kind.CONCEPT_MAP).items():
        for group in resource["group"]:
            for element in group["element"]:
                told = translations(resource, Coding(group.get("source", ""), element["code"]))
                for target in element["target"]:
                    rows += 1
                    wanted = (target["equivalence"], target.get("code"))
                    assert wanted in [(match.equivalence, match.target and match.target.code) for match in told], url
                    if target["equivalence"] not in NO_TRANSLATION:
                        back = translations(resource, Coding(group.get("target", ""), target["code"]), reverse=True)
                        assert element["code"] in [match.target.code for match in back if match.target]
    assert rows > 200


def test_every_value_set_of_r4_that_is_held_expands_and_agrees_with_the_required_codes() -> None:
    compared = 0
    for url in OWN.value_set_resources:
        members = OWN.value_sets.members(url)
        assert members, url
        if (required := required_codes(url)) is not None:
            compared += 1
            assert {(system, code) for system, codes in required.items() for code in codes} == set(members), url
    assert compared == len(read_data("required-codes.json", dict)["value_sets"])


def test_codes_of_others_are_known_only_where_they_are_enumerated() -> None:
    system = OWN.code_systems.get(SNOMED)
    assert system is not None
    assert not system.complete
    assert judged_by_system(OWN.code_systems, Coding(SNOMED, "59282003")).result
    unknown = judged_by_system(OWN.code_systems, Coding(SNOMED, "22298006"))
    assert not unknown.result
    assert "cannot be checked" in unknown.message
    assert SNOMED not in OWN.code_systems.whole


def test_searches_are_told_codes_above_below_and_within() -> None:
    act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    assert {"_ActCoverageTypeCode", "SUBSIDIZ"} <= (OWN.descendants(act, "_ActCoverageTypeCode") or set())
    assert {"_ActCoverageTypeCode", "SUBSIDIZ"} <= (OWN.ancestors(act, "SUBSIDIZ") or set())
    assert OWN.descendants(act, "nothing") is OWN.ancestors("urn:nobody", "x") is None
    assert OWN.codes_in("http://hl7.org/fhir/ValueSet/administrative-gender") == frozenset(
        ("http://hl7.org/fhir/administrative-gender", code) for code in ("male", "female", "other", "unknown")
    )
    assert OWN.codes_in("urn:nobody") is None
