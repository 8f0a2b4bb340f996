"""The form of a case report, made from the logical model and from `mappings/questionnaires/case-report.toml`.

    python scripts/write_questionnaire.py            write mappings/questionnaires/case-report.json
    python scripts/write_questionnaire.py --check    exit 1 where the file is not what would be written

A linkId is the path of an element below CaseReport; parts of our data types stand in the group of the element that has
the type. Labels, help, conditions and what is not asked are in the TOML file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fhir_service.definitions.catalogue import DEFAULT_BASE, Catalogue, Kind, mappings_root
from fhir_service.terminology.terminologies import terminologies

DEFINITION = DEFAULT_BASE + "/StructureDefinition/"
ROOT = mappings_root()
WRITTEN = ROOT / "questionnaires" / "case-report.json"
FORM = ROOT / "questionnaires" / "case-report.toml"
MIN_VALUE = "http://hl7.org/fhir/StructureDefinition/minValue"
HEAD = {
    "resourceType": "Questionnaire",
    "id": "case-report",
    "url": DEFAULT_BASE + "/Questionnaire/case-report",
    "version": "",
    "name": "CaseReportForm",
    "title": "Case report of a complication after vertebral augmentation",
    "status": "active",
    "experimental": False,
    "date": "2026-11-21",
    "publisher": "fhir-service",
    "description": "The logical model CaseReport as a form: one item for each element, its linkId the path of the "
    "element. Only what is known is answered. The map questionnaire-response-to-case-report reads the answers.",
}


class Element(NamedTuple):
    """An element of the model where it stands in the form: its path below CaseReport, its definition, its binding."""

    path: str
    entry: Mapping[str, Any]
    value_set: str

    @property
    def type(self) -> str:
        return str(self.entry["type"][0]["code"])

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def questionnaire() -> dict[str, Any]:
    """The whole Questionnaire, its version being that of the file: `make versions` raises it."""
    form = Form(Catalogue(ROOT), tomllib.loads(FORM.read_text("utf-8")))
    version = json.loads(WRITTEN.read_text("utf-8"))["version"] if WRITTEN.is_file() else "0.1.0"
    head = {name: version if name == "version" else value for name, value in HEAD.items()}
    return {**head, "item": form.items("", "case-report", "CaseReport")}


class Form:
    """The logical model and what is said of its elements besides."""

    def __init__(self, artifacts: Catalogue, said: Mapping[str, Any]) -> None:
        self._artifacts = artifacts
        self._said = said

    def items(self, path: str, model: str, holder: str, value_set: str = "") -> list[dict[str, Any]]:
        """The items for what stands in an element; `value_set` is what its code is bound to."""
        return [self._item(element, model) for element in self._children(path, model, holder, value_set)]

    def _children(self, path: str, model: str, holder: str, value_set: str) -> Iterator[Element]:
        entries = self._artifacts.artifact(Kind.LOGICAL_MODEL, DEFINITION + model)["differential"]["element"]
        for entry in entries:
            parent, _, name = entry["path"].rpartition(".")
            here = f"{path}.{name}" if path else name
            if parent == holder and self._of("not-asked", here) is None:
                bound = entry.get("binding", {}).get("valueSet", "")
                yield Element(here, entry, bound or (value_set if name == "code" else ""))

    def _item(self, element: Element, model: str) -> dict[str, Any]:
        entry, type_name = element.entry, element.type.removeprefix(DEFINITION)
        required = entry["min"] > 0 or self._of("required", element.path) is not None
        item = {
            **self._least(element),
            "linkId": element.path,
            "definition": f"{DEFINITION}{model}#{entry['id']}",
            "text": self._of("labels", element.path) or entry["short"],
            "type": self._type(element),
            **self._condition(element),
            "required": required,
            "repeats": entry["max"] == "*",
        }
        if item["type"] == "choice":
            return {**item, "answerValueSet": element.value_set, "item": self._help(element)}
        if item["type"] != "group":
            return {**item, "item": self._help(element)}
        inner = (model, entry["path"]) if type_name == "BackboneElement" else (type_name, type_name)
        return {**item, "item": self._help(element) + self.items(element.path, *inner, element.value_set)}

    def _type(self, element: Element) -> str:
        if element.type == "BackboneElement" or element.type.startswith(DEFINITION):
            return "group"
        return "choice" if element.value_set else str(self._said["types"][element.type])

    def _least(self, element: Element) -> dict[str, Any]:
        least = self._said["least"].get(element.type)
        return {} if least is None else {"extension": [{"url": MIN_VALUE, "valueInteger": least}]}

    def _help(self, element: Element) -> list[dict[str, Any]]:
        control = {"coding": [{"system": "http://hl7.org/fhir/questionnaire-item-control", "code": "help"}]}
        return [
            {
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/questionnaire-itemControl",
                        "valueCodeableConcept": control,
                    }
                ],
                "linkId": f"{element.path}.help",
                "text": self._of("help", element.path) or element.entry["definition"],
                "type": "display",
            }
        ]

    def _condition(self, element: Element) -> dict[str, Any]:
        rule = next((rule for rule in self._said["enabled"] if _fitting(rule["items"], element.path)), None)
        if rule is None:
            return {}
        when = [self._when(element.path, clause) for clause in rule["when"]]
        return {"enableWhen": when} | ({"enableBehavior": "all" if rule.get("all") else "any"} if when[1:] else {})

    def _when(self, path: str, clause: Mapping[str, Any]) -> dict[str, Any]:
        question = f"{path.rpartition('.')[0]}.{clause['question']}"
        if "answer" not in clause:
            return {"question": question, "operator": "exists", "answerBoolean": clause["exists"]}
        members = terminologies().codes_in(f"{DEFAULT_BASE}/ValueSet/{clause['question']}") or frozenset()
        (coding,) = ({"system": system, "code": code} for system, code in members if code == clause["answer"])
        return {"question": question, "operator": "=", "answerCoding": coding}

    def _of(self, table: str, path: str) -> str | None:
        name = _fitting(self._said[table], path)
        return None if name is None else str(self._said[table][name])


def _fitting(names: Any, path: str) -> str | None:
    """The longest of the names that stands for the path."""
    fitting = [name for name in names if name == path or (name.startswith(".") and f".{path}".endswith(name))]
    return max(fitting, key=len, default=None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the file differs")
    text = json.dumps(questionnaire(), indent=2, ensure_ascii=False) + "\n"
    if not parser.parse_args().check:
        WRITTEN.write_text(text, "utf-8")
    elif not WRITTEN.is_file() or WRITTEN.read_text("utf-8") != text:
        sys.stderr.write(f"{WRITTEN} is not what the logical model makes; run scripts/write_questionnaire.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
