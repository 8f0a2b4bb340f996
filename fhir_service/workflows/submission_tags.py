"""Which elements of the data dictionary a submitted Bundle answers: each data resource should say so by `meta.tag`, the
canonical URL of the model as `system` and the path of the element as `code` (HL7's guide CREDS 1.0.0)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fhir_service.fhir.errors import Issue
from fhir_service.validation.case_report_model import ModelElement, case_report_model
from fhir_service.validation.case_reports import MODEL, Section
from fhir_service.workflows.fact_issues import section_issues

ROOT = "Bundle"
_ABSENT = "data-absent-reason"
_BEFORE_THE_DATA = 2
"""Entries: the header and the patient."""
_FEW = 20


class _Tag(NamedTuple):
    place: str
    path: str
    declared_unknown: bool


def tag_issues(bundle: Mapping[str, Any], base: str) -> list[Issue]:
    """What is to be said of the tags of a Bundle that conforms: untagged data, paths that the model has not, and how
    much of what the registry asks for is answered, section by section."""
    model_url, elements = base + MODEL, _paths(base)
    tags, untagged = [], []
    for number, entry in enumerate(bundle["entry"]):
        resource = entry.get("resource", {})
        found = list(_tags(resource, number, model_url))
        tags += found
        if number >= _BEFORE_THE_DATA and not found:
            untagged.append(f"{ROOT}.entry[{number}].resource.meta.tag")
    issues = [_untagged(untagged, model_url)] if untagged else []
    issues += [_unknown(tag, elements) for tag in tags if tag.path not in elements]
    known = [tag for tag in tags if tag.path in elements]
    return issues + (section_issues(_sections(known, base)) if known else [])


def _tags(resource: Mapping[str, Any], number: int, model_url: str) -> Iterator[_Tag]:
    meta = resource.get("meta")
    stated = meta.get("tag", ()) if isinstance(meta, Mapping) else ()
    for place, tag in enumerate(stated):
        if str(tag.get("system", "")).partition("|")[0] == model_url:
            path = str(tag.get("code", "")).removeprefix("CaseReport.")
            at = f"{ROOT}.entry[{number}].resource.meta.tag[{place}].code"
            yield _Tag(at, path, _says_absent(resource))


def _says_absent(value: Any) -> bool:
    """Whether a resource says somewhere why something is not there."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            if "dataAbsentReason" in node or str(node.get("url", "")).endswith(f"/{_ABSENT}"):
                return True
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return False


def _untagged(places: list[str], model_url: str) -> Issue:
    text = (
        f"{len(places)} data resources do not say which element of the data dictionary they answer: add meta.tag with "
        f"system {model_url} and the path of the element as code, such as procedure.kind"
    )
    return Issue("information", "informational", text, tuple(places[:_FEW]), "submission.untagged")


def _unknown(tag: _Tag, elements: Iterable[str]) -> Issue:
    near = difflib.get_close_matches(tag.path, list(elements), 3, 0.5)
    hint = f"; nearest: {', '.join(near)}" if near else ""
    text = f"the data dictionary has no element '{tag.path[:80]}'{hint}; write the path as its definition has it"
    return Issue("warning", "value", text, (tag.place,), "submission.tag")


def _paths(base: str) -> dict[str, ModelElement]:
    """Every element by its path, that of a case also without `case`, as the tags of one patient's Bundle have it."""
    found: dict[str, ModelElement] = {}
    waiting = list(case_report_model(base).children.values())
    while waiting:
        element = waiting.pop()
        found[element.path] = element
        found.setdefault(element.path.removeprefix("case."), element)
        waiting.extend(element.children.values())
    return found


def _sections(tags: list[_Tag], base: str) -> list[Section]:
    """Of the elements that are asked for, which a tag answers, its own or one of an element around or below it."""
    elements = _paths(base)
    answered = {elements[tag.path].path for tag in tags if not tag.declared_unknown}
    unknown = {elements[tag.path].path for tag in tags if tag.declared_unknown}
    asked: dict[str, list[ModelElement]] = {}
    for element in {id(one): one for one in elements.values()}.values():
        if element.must_support:
            asked.setdefault(element.section or element.path.split(".")[1], []).append(element)
    return [_section(name, found, answered, unknown) for name, found in sorted(asked.items())]


def _section(name: str, asked: list[ModelElement], answered: set[str], unknown: set[str]) -> Section:
    paths = sorted(element.path for element in asked)
    stated = [path for path in paths if _is_among(path, answered)]
    absent = [path for path in paths if path not in stated and _is_among(path, unknown)]
    missing = tuple(path for path in paths if path not in stated and path not in absent)
    return Section(name, len(stated), len(absent), len(missing), missing, tuple(absent))


def _is_among(path: str, tagged: set[str]) -> bool:
    return any(one == path or one.startswith(f"{path}.") or path.startswith(f"{one}.") for one in tagged)
