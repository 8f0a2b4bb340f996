"""Annotated texts, changed copies of them, and how well each is read (`../shared/tools/score_reports.py`)."""

from __future__ import annotations

import importlib.util
import json
import random
from collections import Counter
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from changed_reports.levels import shifted
from changed_reports.order import reordered
from changed_reports.people import may_change_sex, new_ages, other_sex, with_ages
from changed_reports.values import other_values, other_volumes, printed_as, with_values, with_volumes
from changed_reports.wording import WORDINGS
from fhir_service.mapping.map_report import encode_bundle
from fhir_service.reports.report import Report, Source
from fhir_service.workflows.map_report import map_report

KINDS = ("ages", "sexes", "levels", "values", "order")
_BASE = "https://vertebral-augmentation.example.org/fhir"
_RECORDED = "2026-01-31T12:00:00Z"
_OTHER_SEX = {"female": "male", "male": "female"}


@dataclass(frozen=True)
class Annotated:
    name: str
    text: str
    patients: list[dict[str, Any]]


def annotated(texts: Path, gold: Path) -> list[Annotated]:
    found = []
    for path in sorted(gold.glob("*.json")):
        case = json.loads(path.read_text("utf-8"))
        text = (texts / case.get("text", f"{path.stem}.txt")).read_bytes().decode()
        found.append(Annotated(path.stem, text, case["patients"]))
    return found


def scorer(shared: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_reports", shared / "tools" / "score_reports.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def changed(report: Annotated, seed: int, scoring: ModuleType, kinds: Iterable[str] = KINDS) -> Annotated:
    """A copy by the plan of this seed: the same seed gives the same copy."""
    chance = random.Random(f"{report.name}/{seed}")
    text, patients = report.text, deepcopy(report.patients)
    for kind in kinds:
        text, patients = _CHANGES[kind](text, patients, chance, scoring)
    return Annotated(report.name, text, patients)


def reworded(report: Annotated, wording: str) -> Annotated:
    """A copy in another wording; what is annotated in words is spelled that way, too."""
    change = WORDINGS[wording]
    patients = deepcopy(report.patients)
    for patient in patients:
        patient["comorbidities"] = [change(one) for one in patient.get("comorbidities") or []]
    return Annotated(report.name, change(report.text), patients)


_Patients = list[dict[str, Any]]
_Result = tuple[str, _Patients]


def _ages(text: str, patients: _Patients, chance: random.Random, _scoring: ModuleType) -> _Result:
    known = [
        p["age"]["value"] for p in patients if (p.get("age") or {}).get("value") and p["age"].get("unit") != "months"
    ]
    ages = new_ages((int(age) for age in known if age >= 18), chance)
    for patient in patients:
        age = patient.get("age")
        if age and age.get("value") in ages:
            age["value"] = ages[age["value"]]
    return with_ages(text, ages), patients


def _sexes(text: str, patients: _Patients, chance: random.Random, _scoring: ModuleType) -> _Result:
    if chance.random() < 0.25 or not may_change_sex(text):
        return text, patients
    for patient in patients:
        patient["sex"] = _OTHER_SEX.get(patient.get("sex") or "", patient.get("sex"))
    return other_sex(text), patients


def _levels(text: str, patients: _Patients, chance: random.Random, _scoring: ModuleType) -> _Result:
    shift, of_gold = shifted(text, chance)

    def moved(node: Any) -> Any:
        if isinstance(node, str):
            return of_gold(node)
        if isinstance(node, list):
            return [moved(one) for one in node]
        return {key: moved(one) for key, one in node.items()} if isinstance(node, dict) else node

    return shift(text), moved(patients)


def _values(text: str, patients: _Patients, chance: random.Random, scoring: ModuleType) -> _Result:
    volumes = other_volumes(text, [(p.get("index_procedure") or {}).get("cement_volume_ml") for p in patients], chance)
    measured = [m for p in patients for m in p.get("measurements") or []]
    keys = [(scoring.measure_name(m["name"]), printed_as(m.get("value"))) for m in measured]
    new = other_values([(name, value) for name, value in keys if value is not None], chance)
    text, found = with_values(with_volumes(text, volumes), new)
    for one, (name, value) in zip(measured, keys, strict=True):
        if value is not None and (name, value) in found:
            one["value"] = str(one["value"]).replace(value, new[name, value])
    for patient in patients:
        index = patient.get("index_procedure") or {}
        stated = index.get("cement_volume_ml")
        if stated is not None and volumes:
            by_size = {float(old): float(now) for old, now in volumes.items()}
            index["cement_volume_ml"] = by_size[float(stated)]
    return text, patients


def _order(text: str, patients: _Patients, chance: random.Random, _scoring: ModuleType) -> _Result:
    return reordered(text, chance), patients


_CHANGES = {"ages": _ages, "sexes": _sexes, "levels": _levels, "values": _values, "order": _order}


@dataclass(frozen=True)
class Score:
    counts: Counter[tuple[str, str]]
    missed: Counter[str]
    invented: Counter[str]

    @property
    def f1(self) -> float:
        return f1([self])


def f1(scores: Iterable[Score]) -> float:
    total: Counter[str] = Counter()
    for score in scores:
        for (_, sort), number in score.counts.items():
            total[sort] += number
    return 2 * total["tp"] / ((2 * total["tp"] + total["fp"] + total["fn"]) or 1)


def score(report: Annotated, scoring: ModuleType) -> Score:
    """The text read, mapped, and held against its annotation."""
    made = map_report(Report(text=report.text, source=Source(name=report.name)), recorded=_RECORDED, base=_BASE)
    bundle = json.loads(encode_bundle(made.bundle))
    wanted = [scoring.gold_facts(patient) for patient in report.patients]
    aside = {id(facts): scoring.set_aside(p) for facts, p in zip(wanted, report.patients, strict=True)}
    counts: Counter[tuple[str, str]] = Counter()
    missed: Counter[str] = Counter()
    invented: Counter[str] = Counter()
    got = [scoring.predicted_facts(patient, resources) for patient, resources in scoring.patients_of(bundle)]
    for want, found in scoring.pair_patients(wanted, got):
        unclear = aside.get(id(want), (set(), set()))
        counted, less, more = scoring.compare(scoring.scored(want, unclear), scoring.scored(found, unclear))
        counts.update(counted)
        missed.update(f"{kind} {value}" for kind, value in less)
        invented.update(f"{kind} {value}" for kind, value in more)
    return Score(counts, missed, invented)
