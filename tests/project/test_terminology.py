"""No clinical code without evidence, no code of ours without a definition."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fhir_service
from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.definitions.terminology import r4_code_systems
from fhir_service.mapping.map_report import map_library
from fhir_service.mapping.syntax import Literal, Rule
from fhir_service.search.units import UCUM
from fhir_service.terminology.code_systems import code_system
from fhir_service.terminology.terminologies import terminologies
from fhir_service.validation.structure import findings
from fhir_service.validation.ucum import is_unit

SHARED = Path(__file__).parents[3] / "shared"
VERIFIED = SHARED / "terminology" / "verified-codes.md"
GUIDE_CODES = SHARED / "contract" / "registry-submission.md"
SERIOUSNESS = "http://terminology.hl7.org/CodeSystem/adverse-event-seriousness"
SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
ICD_10_CM, ICD_10_PCS = "http://hl7.org/fhir/sid/icd-10-cm", "http://www.cms.gov/Medicare/Coding/ICD10"
NCI = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
CLINICAL = (SNOMED, LOINC, ICD_10_CM, ICD_10_PCS)
TOKEN = re.compile(r"[\w.-]+")
KINDS = (
    *(Kind.CODE_SYSTEM, Kind.VALUE_SET, Kind.CONCEPT_MAP, Kind.LOGICAL_MODEL, Kind.QUESTIONNAIRE),
    *(Kind.PROFILE, Kind.SEARCH_PARAMETER),
)
EQUIVALENCES = {"equivalent", "wider", "narrower", "relatedto", "inexact", "unmatched"}
OTHER_SPELLINGS = {SERIOUSNESS: ("serious", "non-serious")}
"""Codes that later releases of a system of R4 have."""
GUIDES = (
    "http://hl7.org/fhir/uv/ae-research-backport-ig",
    "http://hl7.org/fhir/us/registry-protocols",
    "http://hl7.org/fhir/us/core",
    "http://terminology.hl7.org",
)
"""Whose profiles and value sets are transcribed, each guide in a folder of its own; URLs and versions are theirs."""
MAPS_OF_WORDS = {"condition-words", "vertebral-condition-words", "t-score-site-to-loinc"}
"""Their sources are words of reports, of no code system."""
PUBLICATIONS = {
    SNOMED: "SNOMED CT International, free set of the International Patient Summary.",
    LOINC: "LOINC.",
    ICD_10_CM: "ICD-10-CM 2026.",
    ICD_10_PCS: "ICD-10-PCS 2025.",
    NCI: "HL7 guide Adverse Event Clinical Research, R4 backport 1.0.1.",
    SERIOUSNESS: "HL7 guide Adverse Event Clinical Research, R4 backport 1.0.1.",
    f"{DEFAULT_BASE}/CodeSystem/condition": "the words name the concept.",
}
"""Where the codes of each target system were seen with their meaning."""
CODE = Path(fhir_service.__file__).parent
CODES_OF_THE_CONTRACT = {
    "procedure-kind": """vertebroplasty kyphoplasty vesselplasty cement-augmented-fixation laminectomy durotomy
        cement-removal decompression instrumentation fusion corpectomy debridement drainage haematoma-evacuation
        embolectomy embolisation nerve-block other""",
    "procedure-role": "index revision prior concomitant",
    "condition-role": "indication comorbidity symptom complication sequela",
    "complication": """cement-leakage-intradural cement-leakage-epidural cement-leakage-foraminal
        cement-leakage-intradiscal cement-leakage-venous cement-leakage-paravertebral cement-leakage-unspecified
        pulmonary-cement-embolism cardiac-cement-embolism arterial-cement-embolism cement-dislodgement infection
        adjacent-fracture refracture retropulsed-fragment radiculopathy neurological-deficit spinal-cord-compression
        haematoma hypotension allergic-reaction death other""",
    "measurement": """cement-volume follow-up-duration vas nrs odi esr crp wbc hemoglobin alt mrc-muscle-grade t-score
        spo2 heart-rate temperature systolic diastolic resp-rate nurick inr paco2 creatinine lvef finding""",
    "side": "left right bilateral",
    "group-kind": "cohort-statement",
    "issue-kind": "contradiction",
    "vertebral-level": " ".join(
        f"{region}{number}"
        for region, last in (("C", 7), ("T", 12), ("L", 5), ("S", 5))
        for number in range(1, last + 1)
    ),
}


def codes(system: str) -> set[str]:
    if system in r4_code_systems():
        return {*code_system(r4_code_systems()[system]).concepts, *OTHER_SPELLINGS.get(system, ())}
    return {entry["code"] for entry in catalogue().artifact(Kind.CODE_SYSTEM, system)["concept"]}


def rows() -> Iterator[tuple[str, str | None, str, dict[str, Any]]]:
    """Map id, target system, source code and target of every row of every ConceptMap."""
    for concept_map in catalogue().artifacts(Kind.CONCEPT_MAP).values():
        for group in concept_map["group"]:
            for element in group["element"]:
                for target in element["target"]:
                    yield concept_map["id"], group.get("target"), element["code"], target


def targets(system: str) -> list[dict[str, Any]]:
    return [target for _, target_system, _, target in rows() if target_system == system]


_MULTIPLY = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
]
_FIRST_PERMUTATION = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]


def verhoeff_holds(code: str) -> bool:
    """Whether the last digit of a SNOMED CT identifier is its check digit (dihedral group D5)."""
    check = 0
    for place, digit in enumerate(reversed(code)):
        value = int(digit)
        for _ in range(place % 8):
            value = _FIRST_PERMUTATION[value]
        check = _MULTIPLY[check][value]
    return check == 0


def loinc_holds(code: str) -> bool:
    """Whether the digit after the hyphen is the check digit of a LOINC code (Luhn, modulus 10)."""
    number, _, check = code.partition("-")
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return check == str(-total % 10)


def test_the_check_digits_catch_a_wrong_digit() -> None:
    assert verhoeff_holds("387731002")
    assert not verhoeff_holds("387731003")
    assert not verhoeff_holds("378731002")
    assert loinc_holds("30525-0")
    assert not loinc_holds("30525-1")
    assert not loinc_holds("35025-0")


def test_every_snomed_and_loinc_code_has_its_check_digit() -> None:
    assert [target["code"] for target in targets(SNOMED) if not verhoeff_holds(target["code"])] == []
    assert [target["code"] for target in targets(LOINC) if not loinc_holds(target["code"])] == []


def test_icd_codes_have_the_form_of_their_system() -> None:
    clinical = re.compile(r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?")
    assert all(clinical.fullmatch(target["code"]) for target in targets(ICD_10_CM))
    assert all(re.fullmatch(r"[0-9A-HJ-NP-Z]{7}", target["code"]) for target in targets(ICD_10_PCS))


@pytest.mark.skipif(not VERIFIED.is_file(), reason="the list of verified codes lies outside the project")
def test_every_target_code_is_one_that_was_seen_in_a_publication() -> None:
    verified = VERIFIED.read_text("utf-8") + GUIDE_CODES.read_text("utf-8")
    clinical = [target for _, system, _, target in rows() if system is not None and not system.startswith(DEFAULT_BASE)]
    assert len(clinical) > 60
    assert [target["code"] for target in clinical if not in_list(target["code"], verified)] == []


def in_list(code: str, verified: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(code)}(?![\w.-]*\w)", verified) is not None


@pytest.mark.skipif(not VERIFIED.is_file(), reason="the list of verified codes lies outside the project")
def test_every_display_is_the_name_the_code_was_seen_with() -> None:
    verified = " ".join(VERIFIED.read_text("utf-8").split())
    wrong = [
        (target["code"], target["display"])
        for _, _, _, target in rows()
        if "display" in target
        and f"{target['code']} {target['display']}" not in verified
        and f"{target['display']} {target['code']}" not in verified
    ]
    assert wrong == []


def test_every_row_names_the_publication_its_code_was_seen_in_or_why_it_has_none() -> None:
    for name, system, code, target in rows():
        assert target["equivalence"] in EQUIVALENCES, (name, code)
        if target["equivalence"] == "unmatched":
            assert target.keys() == {"equivalence", "comment"}, (name, code)
            assert system is None, (name, code)
            assert target["comment"].endswith("."), (name, code)
        else:
            assert target["comment"].startswith(f"Evidence: {PUBLICATIONS[str(system)]}"), (name, code)


def test_what_says_more_or_less_than_our_code_says_how() -> None:
    """Except where the display of the target tells it."""
    untold = [
        (name, code)
        for name, system, code, target in rows()
        if target["equivalence"] in ("narrower", "wider", "inexact", "relatedto")
        and target["comment"] == f"Evidence: {PUBLICATIONS[str(system)]}"
        and "display" not in target
    ]
    assert untold == []


def test_no_code_of_ours_is_equivalent_to_two_codes_of_one_system() -> None:
    listed = [(name, system, code) for name, system, code, target in rows() if target["equivalence"] == "equivalent"]
    assert len(set(listed)) == len(listed)


def test_every_code_of_a_mapped_system_has_its_rows_and_no_other_code_has() -> None:
    for concept_map in catalogue().artifacts(Kind.CONCEPT_MAP).values():
        (source,) = {group.get("source") for group in concept_map["group"]}
        if source is None:
            assert concept_map["id"] in MAPS_OF_WORDS
            continue
        listed = [element["code"] for group in concept_map["group"] for element in group["element"]]
        assert sorted(listed) == sorted(codes(source)), concept_map["id"]


def test_words_stand_for_one_code_of_ours_each() -> None:
    listed = [(code, target["code"]) for name, _, code, target in rows() if name in MAPS_OF_WORDS]
    words = [word for word, _ in listed]
    assert len(set(words)) == len(words)
    assert words == [word.lower() for word in words]
    ours = [target["code"] for _, system, _, target in rows() if str(system).startswith(DEFAULT_BASE)]
    assert set(ours) <= codes(f"{DEFAULT_BASE}/CodeSystem/condition")


def test_vertebroplasty_and_kyphoplasty_have_no_snomed_code() -> None:
    found = {code: target for name, _, code, target in rows() if name == "procedure-kind-to-snomed"}
    assert {found[code]["equivalence"] for code in ("vertebroplasty", "kyphoplasty", "durotomy")} == {"unmatched"}


def test_vital_signs_have_no_loinc_code() -> None:
    found = {code: target for name, _, code, target in rows() if name == "measurement-to-loinc"}
    vital = ("spo2", "heart-rate", "temperature", "systolic", "diastolic", "resp-rate")
    assert {found[code]["equivalence"] for code in vital} == {"unmatched"}


@pytest.mark.parametrize("system", CODES_OF_THE_CONTRACT)
def test_a_code_system_has_every_code_that_outside_systems_read(system: str) -> None:
    assert set(CODES_OF_THE_CONTRACT[system].split()) <= codes(f"{DEFAULT_BASE}/CodeSystem/{system}")


def test_every_code_is_defined_once_and_in_words() -> None:
    for system in catalogue().artifacts(Kind.CODE_SYSTEM).values():
        listed = [entry["code"] for entry in system["concept"]]
        assert len(set(listed)) == len(listed) == system["count"]
        assert all(entry["display"] and entry["definition"].endswith(".") for entry in system["concept"])


def test_value_sets_take_from_systems_that_exist() -> None:
    for value_set in catalogue().artifacts(Kind.VALUE_SET).values():
        for include in value_set["compose"]["include"]:
            if include["system"].startswith(DEFAULT_BASE):
                assert catalogue().artifact(Kind.CODE_SYSTEM, include["system"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_artifact_is_valid_and_named_by_its_file(kind: Kind) -> None:
    artifacts = catalogue().artifacts(kind)
    assert artifacts
    for url, artifact in artifacts.items():
        assert findings(artifact) == [], url
        owner = url.removesuffix(f"/{artifact['resourceType']}/{artifact['id']}")
        assert owner in (DEFAULT_BASE, *GUIDES)
        assert (catalogue().root / kind / f"{artifact['id']}.json").is_file() == (owner == DEFAULT_BASE)
        assert artifact["status"] == "active"
        if owner != DEFAULT_BASE:
            assert artifact["experimental"], url
            assert "not HL7's file" in artifact["purpose"], url
        else:
            assert re.fullmatch(r"\d+\.\d+\.\d+", artifact["version"])


def test_every_url_of_ours_in_maps_and_models_stands_for_something() -> None:
    known = {url for kind in KINDS for url in catalogue().artifacts(kind)}
    texts = [*catalogue().structure_maps.values(), *map(repr, catalogue().artifacts(Kind.LOGICAL_MODEL).values())]
    named = set(
        re.findall(
            rf"{re.escape(DEFAULT_BASE)}/(?:CodeSystem|ValueSet|ConceptMap|StructureDefinition)/[\w-]+", " ".join(texts)
        )
    )
    assert named - known == {f"{DEFAULT_BASE}/StructureDefinition/CaseReport"}


def test_clinical_codes_of_others_stand_in_concept_maps_alone() -> None:
    """No map, no lexicon, no line of Python names one; of the first four systems the maps do not even name the URL."""
    clinical = {target["code"] for _, system, _, target in rows() if system in (*CLINICAL, NCI)}
    texts = {f"{name}.fml": text for name, text in catalogue().structure_maps.items()}
    assert [name for name, text in texts.items() if any(system in text for system in CLINICAL)] == []
    files = [*CODE.rglob("*.py"), *(catalogue().root / "lexicons").glob("*.toml")]
    texts |= {str(file): file.read_text("utf-8") for file in files}
    found = [(name, code) for name, text in texts.items() for code in clinical & set(TOKEN.findall(text))]
    assert found == []
    assert not any(re.search(r"'\d{6,18}'|'\d{3,5}-\d'", text) for text in catalogue().structure_maps.values())


def literal_codes(rules: Iterable[Rule]) -> Iterator[tuple[str, str]]:
    """System and code of everything that rules write as it stands, by `c` and `cc`."""
    for rule in rules:
        for target in rule.target:
            values = [entry.value for entry in target.parameter if isinstance(entry, Literal)]
            if target.transform in ("c", "cc") and len(values) == len(target.parameter) > 1:
                yield str(values[0]), str(values[1])
        yield from literal_codes(rule.rule)


def test_codes_that_maps_write_as_they_stand_are_codes_of_their_systems() -> None:
    trees = map_library(DEFAULT_BASE).maps.values()
    written = {pair for tree in trees for group in tree.group for pair in literal_codes(group.rule)}
    assert len(written) > 5
    systems = terminologies().code_systems
    known = {(url, code): systems.get(url) for url, code in written}
    assert [pair for pair, system in known.items() if system is None or system.concept(pair[1]) is None] == []


def units() -> Iterator[tuple[str, str]]:
    """Every UCUM unit in the value sets, the lexicons and the maps, with where it stands."""
    for value_set in catalogue().artifacts(Kind.VALUE_SET).values():
        for include in value_set["compose"]["include"]:
            if include.get("system") == UCUM:
                yield from ((value_set["id"], entry["code"]) for entry in include["concept"])
    for term in tomllib.loads(catalogue().lexicon("units.toml").read_text("utf-8"))["term"]:
        if term.get("kind") not in ("count", "ordinal"):
            yield "units.toml", term["code"]
    for file in (catalogue().root / "lexicons").glob("*.toml"):
        terms = tomllib.loads(file.read_text("utf-8")).get("term", [])
        yield from ((file.name, term["unit"]) for term in terms if "unit" in term)
    for name, text in catalogue().structure_maps.items():
        yield from ((name, unit) for unit in re.findall(r"then Amount\([^;]*'([^']+)', \w+\)", text))


def test_every_unit_is_a_unit_of_ucum() -> None:
    listed = set(units())
    assert {"age-unit", "time-unit", "units.toml", "measurements.toml", "case-report-group"} <= {at for at, _ in listed}
    assert [(at, unit) for at, unit in listed if not is_unit(unit)] == []
    assert not is_unit("cc")
    assert not is_unit("points")


def test_what_is_licensed_says_so() -> None:
    for concept_map in catalogue().artifacts(Kind.CONCEPT_MAP).values():
        systems = {group.get("target") for group in concept_map["group"]}
        if SNOMED in systems:
            assert "SNOMED CT" in concept_map["copyright"]
        if LOINC in systems:
            assert "LOINC" in concept_map["copyright"]
