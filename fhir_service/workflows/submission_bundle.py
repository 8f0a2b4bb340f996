"""A Bundle that claims to be a submission to the registry (HL7's guide CREDS 1.0.0, profile CREDSSubmission): checked,
and stored as it came.

Its identifier, else the record id of a sender, is one resource here: sent again it becomes the next version of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from fhir_service.fhir.errors import Issue, MalformedContent
from fhir_service.mapping.identity import resource_id
from fhir_service.storage.repository import Change, Create, Outcome, Update
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.accept_resource import identity_issues
from fhir_service.workflows.check_conformance import Conformance, all_issues
from fhir_service.workflows.submission_tags import tag_issues

PROFILE = "http://hl7.org/fhir/us/registry-protocols/StructureDefinition/CREDSSubmission"
ROOT = "Bundle"
ACCEPTED = "submission.accepted"
_FAILED = ("error", "fatal")
_FIRST = (
    ("MessageHeader", "which says who sends the submission", "submission.header"),
    ("Patient", "whom all of it is about", "submission.patient"),
)
_OF_DOCUMENTS = frozenset({"bdl-9", "bdl-10", "bdl-11", "bdl-12", "bundle.stray"})
_TAG_VALUE = re.compile(r"Bundle\.entry\[\d+\]\.resource\.meta\.tag\[\d+\]\.value")


@dataclass(frozen=True, slots=True)
class CheckedBundle:
    """`id` is the record id of the sender, `key` the id under which it is stored, empty where the store gives one;
    `patient` has system and value of the identifiers of the patient, where it is accepted."""

    id: str
    key: str
    issues: tuple[Issue, ...]
    unreadable: bool = False
    root: str = ROOT
    patient: tuple[tuple[str, str], ...] = ()

    @property
    def is_refused(self) -> bool:
        return any(issue.severity in _FAILED for issue in self.issues)


@dataclass(frozen=True, slots=True)
class SubmittedBundle:
    """What became of one; no outcome where it was refused or only checked. `alike` warns of others like it."""

    submission: CheckedBundle
    outcome: Outcome | None = None
    alike: tuple[Issue, ...] = ()

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The findings, and that it was accepted where it was."""
        if self.submission.is_refused:
            return self.submission.issues
        if self.outcome is None:
            text = "it would be accepted; nothing was stored"
            return (*self._found, Issue("information", "informational", text, (ROOT,), ACCEPTED))
        stored = f"accepted: Bundle/{self.outcome.id} is {self.outcome.action}; its version is {self.outcome.version}"
        return (*self._found, Issue("information", "informational", stored, (ROOT,), ACCEPTED))

    @property
    def _found(self) -> tuple[Issue, ...]:
        return (*self.submission.issues, *self.alike)


def is_submission(resource: Any) -> bool:
    """Whether a value is a Bundle that claims the profile, in whatever version."""
    if not isinstance(resource, Mapping) or resource.get("resourceType") != ROOT:
        return False
    meta = resource.get("meta")
    claimed = meta.get("profile") if isinstance(meta, Mapping) else None
    return isinstance(claimed, list) and any(str(url).partition("|")[0] == PROFILE for url in claimed)


def is_submission_text(text: bytes) -> bool:
    """The same of a text; one that cannot be read is none."""
    if PROFILE.rpartition("/")[2].encode() not in text:
        return False
    try:
        return is_submission(read_json(text))
    except MalformedContent:
        return False


def check_bundle_text(text: bytes, conformance: Conformance, wanted_id: str | None = None) -> CheckedBundle:
    """As `check_bundle`, of a text that may be anything; the id of the URL is `wanted_id`, where it has one."""
    try:
        bundle = read_json(text)
    except MalformedContent as error:
        return CheckedBundle(sha256(text).hexdigest(), "", error.issues, unreadable=True)
    checked = check_bundle(bundle, conformance)
    own = identity_issues(bundle, ROOT, wanted_id)
    return replace(checked, issues=(*own, *checked.issues)) if own else checked


def check_bundle(bundle: Any, conformance: Conformance) -> CheckedBundle:
    """Everything that is found about a submission: its structure, the rules of R4, the profile, and ours."""
    readable = isinstance(bundle, dict)
    own = list(guide_issues(bundle)) if readable else []
    issues = own + [issue for issue in all_issues(bundle, conformance, PROFILE) if not _helps_nobody(issue, own)]
    issues = [_in_words_of_the_guide(issue) for issue in issues]
    told: dict[tuple[Any, ...], Issue] = {(one.rule, one.expression, one.text): one for one in issues}
    found = list(told.values())
    if readable and not any(issue.severity in _FAILED for issue in found):
        found += _our_issues(bundle)
        found += tag_issues(bundle, conformance.base)
    record, key = _identity(bundle) if readable else ("", "")
    is_right = readable and not any(issue.severity in _FAILED for issue in found)
    return CheckedBundle(record, key, tuple(found), patient=_patient(bundle) if is_right else ())


def _patient(bundle: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    stated = bundle["entry"][1]["resource"].get("identifier", ())
    return tuple((one["system"], one["value"]) for one in stated if "system" in one and "value" in one)


def guide_issues(bundle: Mapping[str, Any]) -> Iterator[Issue]:
    """What the guide wants of the whole, also of one whose structure is not right yet: who sends it, and about whom."""
    if (kind := bundle.get("type")) != "collection":
        text = f"a submission is a Bundle of type collection, not {str(kind)[:80]!r}; write collection"
        yield Issue("error", "business-rule", text, (f"{ROOT}.type",), "submission.type")
    for number, (wanted, why, rule) in enumerate(_FIRST):
        found = _type_of_entry(bundle.get("entry"), number)
        if found != wanted:
            told = f"it is a {str(found)[:80]}" if found else "there is none"
            text = f"entry {number} has to be the {wanted}, {why}; {told}: put a {wanted} there"
            yield Issue("error", "business-rule", text, (f"{ROOT}.entry[{number}].resource",), rule)


def _type_of_entry(entries: Any, number: int) -> Any:
    """The type of its resource, whatever stands there; None where there is none."""
    entry = entries[number] if isinstance(entries, list) and len(entries) > number else None
    resource = entry.get("resource") if isinstance(entry, Mapping) else None
    return resource.get("resourceType") if isinstance(resource, Mapping) else None


def _helps_nobody(issue: Issue, told: Sequence[Issue]) -> bool:
    """That data have no narrative, which R4 advises and no registry reads; that the model in a tag is no code system,
    which the guide wants there; and what our own findings about the whole say in plainer words."""
    in_a_tag = any(".meta.tag[" in place for place in issue.expression)
    if issue.rule == "dom-6" or (issue.rule == "code.not-checked" and in_a_tag):
        return True
    rules = {one.rule for one in told}
    if "submission.type" in rules and (issue.rule in _OF_DOCUMENTS or issue.expression == (f"{ROOT}.type",)):
        return True
    return bool(rules - {"submission.type"}) and issue.expression == (f"{ROOT}.entry",)


def _in_words_of_the_guide(issue: Issue) -> Issue:
    if issue.rule == "structure.unknown-element" and _TAG_VALUE.fullmatch("".join(issue.expression[:1])):
        text = "a tag has no element 'value', though the sample of the guide has one; write the path as its code"
        return replace(issue, text=text)
    return issue


def change_of(checked: CheckedBundle, text: bytes) -> Change:
    """The write that stores an accepted one; one that is stored already in these words makes no new version."""
    return Update(ROOT, checked.key, text, if_changed=True) if checked.key else Create(ROOT, text)


def _identity(bundle: Mapping[str, Any]) -> tuple[str, str]:
    """Record id and key. Two senders may count alike: without an identifier the endpoint of the sender tells them
    apart."""
    identifier = bundle.get("identifier")
    stated = identifier if isinstance(identifier, Mapping) else {}
    value, record = stated.get("value"), bundle.get("id")
    if isinstance(value, str) and value:
        name = f"{stated.get('system', '')}|{value}"
        return str(record or value), resource_id("submission", name)
    endpoint = _endpoint(bundle)
    if isinstance(record, str) and endpoint:
        return record, resource_id("submission", f"{endpoint}#{record}")
    return str(record or "(none)"), ""


def _endpoint(bundle: Mapping[str, Any]) -> str:
    header = next(_resources(bundle), {})
    source = header.get("source")
    return str(source.get("endpoint", "")) if isinstance(source, Mapping) else ""


def _resources(bundle: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        resource = entry.get("resource") if isinstance(entry, Mapping) else None
        if isinstance(resource, Mapping):
            yield resource


def _our_issues(bundle: Mapping[str, Any]) -> Iterator[Issue]:
    """What the guide asks for in words: a record id, and that all of it is about the one patient."""
    if "value" not in bundle.get("identifier", {}) and "id" not in bundle:
        text = "the submission has neither id nor identifier: sent once more with a correction, it would be another one"
        yield Issue("warning", "business-rule", text, (ROOT,), "submission.no-identifier")
    addresses = {bundle["entry"][1].get("fullUrl", ""), f"Patient/{bundle['entry'][1]['resource'].get('id', '')}"}
    for number, entry in enumerate(bundle["entry"]):
        resource = entry.get("resource", {})
        for element in ("subject", "patient"):
            reference = resource.get(element)
            target = reference.get("reference") if isinstance(reference, Mapping) else None
            if target is not None and target not in addresses:
                place = f"Bundle.entry[{number}].resource.{element}"
                text = f"'{target}' is not the patient of the submission, who is the second entry"
                yield Issue("error", "business-rule", text, (place,), "submission.other-patient")
