"""A transaction or batch Bundle to what it asks for, before anything is done (R4 http.html#transaction).

Everything that is wrong is found in one pass, and each issue names its entry.
"""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from fhir_service.fhir.bundles import BundleEntry, BundleRequest, entry_texts, read_entry
from fhir_service.fhir.errors import FhirError, InvalidParameter, Issue, MalformedContent, TooLarge
from fhir_service.fhir.etags import required_version
from fhir_service.fhir.references import ID
from fhir_service.search.condition import Condition
from fhir_service.search.query import Query
from fhir_service.validation.bundles import DEAD_END, DOUBLE
from fhir_service.validation.json_text import read_json
from fhir_service.validation.layers import Layer
from fhir_service.validation.resource_findings import refusal, resource_errors
from fhir_service.workflows.accept_resource import identity_issues
from fhir_service.workflows.patch_resource import FHIR_JSON, Patch, read_patch
from fhir_service.workflows.write_checks import R4_ALONE, WriteChecks

_AT_ENTRY = re.compile(r"Bundle\.entry\[(\d+)\]")
_SAID_WHEN_LINKED = (DOUBLE, DEAD_END)
"""Rules that link_bundle looks at, which knows what is written and what is only read."""
_FORMS = {
    "POST": "Type",
    "PUT": "Type/id or Type?search",
    "PATCH": "Type/id or Type?search",
    "DELETE": "Type/id or Type?search",
}
"""What the URL of each writing method looks like."""


@dataclass(frozen=True, slots=True)
class PlannedEntry:
    """One entry that can be done. `url` is relative to the base, query included.

    A write says with `type` and `id` what it writes: a create has no id yet, and where a `condition` decides, `id` is
    the one that was sent. `text` is the resource or patch, `resource` its value. A read has its conditions as they were
    sent.
    """

    method: str
    url: str
    type: str = ""
    id: str = ""
    text: bytes = b""
    resource: Any = None
    full_url: str = ""
    if_match: int | None = None
    if_none_match: str = ""
    if_modified_since: str = ""
    condition: Query | None = None

    @property
    def is_read(self) -> bool:
        return self.method in ("GET", "HEAD")

    @property
    def target(self) -> str:
        """`Type/id` that is written, or below which something is read."""
        if self.type and self.id:
            return f"{self.type}/{self.id}"
        return "/".join(self.url.partition("?")[0].split("/")[:2])


@dataclass(slots=True)
class BundlePlan:
    """`entries` by their index in the Bundle; an index that has issues has no entry."""

    type: Literal["transaction", "batch"]
    size: int
    entries: dict[int, PlannedEntry] = field(default_factory=dict)
    issues: defaultdict[int, list[Issue]] = field(default_factory=lambda: defaultdict(list))

    def refuse(self, index: int, code: str, text: str, element: str = "request.url") -> None:
        """Take an entry out, and say why."""
        self.entries.pop(index, None)
        self.issues[index].append(Issue("error", code, text, (f"Bundle.entry[{index}].{element}",), "http.bundle"))

    def refuse_for(self, index: int, error: FhirError, element: str) -> None:
        """The same, with what an error says."""
        self.entries.pop(index, None)
        where = f"Bundle.entry[{index}].{element}"
        self.issues[index] += [replace(issue, expression=(where, *issue.expression)) for issue in error.issues]

    def all_issues(self) -> list[Issue]:
        return [issue for index in sorted(self.issues) for issue in self.issues[index]]


class _Fault(Exception):
    """An entry that cannot be done."""

    def __init__(self, code: str, text: str, element: str = "request.url") -> None:
        super().__init__(text)
        self.code = code
        self.element = element


def plan_bundle(
    raw: bytes,
    types: Collection[str],
    base: str,
    condition: Condition,
    checks: WriteChecks = R4_ALONE,
    *,
    most: int | None = None,
) -> BundlePlan:
    """What the Bundle asks of a server at `base` that serves `types`; `condition` reads the searches in it.

    Raises MalformedContent where it cannot be read as a transaction or batch, TooLarge where it has more than `most`
    entries.
    """
    value = read_json(raw)
    kind = _kind(value)
    _refuse_many(value.get("entry"), most)
    issues = [
        issue
        for issue in resource_errors(value, raw)
        if issue.rule not in _SAID_WHEN_LINKED and not _is_left_out(issue, value, checks)
    ]
    if any(_entry_index(issue) is None for issue in issues):
        raise refusal("the Bundle is not valid", issues)
    texts = entry_texts(raw)
    plan = BundlePlan(kind, len(texts))
    for issue in issues:
        plan.issues[_entry_index(issue) or 0].append(issue)
    for index in range(plan.size):
        if index not in plan.issues:
            resource = value["entry"][index].get("resource")
            _plan_entry(plan, index, read_entry(texts[index]), resource, _Server(types, base, condition))
    return plan


def _kind(value: Any) -> Literal["transaction", "batch"]:
    sent = value.get("resourceType") if isinstance(value, dict) else None
    if sent != "Bundle":
        raise MalformedContent("what is sent to the base has to be a Bundle, of type transaction or batch")
    match value.get("type"):
        case "transaction":
            return "transaction"
        case "batch":
            return "batch"
    raise MalformedContent("the type of the Bundle has to be transaction or batch", expression=("Bundle.type",))


def _refuse_many(entries: Any, most: int | None) -> None:
    if most is not None and isinstance(entries, list) and len(entries) > most:
        text = f"the Bundle has {len(entries):,} entries; this server takes {most:,} at once: send several Bundles"
        raise TooLarge(text, expression=("Bundle.entry",))


def _is_left_out(issue: Issue, bundle: Any, checks: WriteChecks) -> bool:
    """An invariant that a resource breaks whose type is to be right in its structure only."""
    index = _entry_index(issue)
    if issue.code != "invariant" or index is None:
        return False
    resource = bundle["entry"][index].get("resource", {})
    return checks.layer(resource.get("resourceType", "")) is Layer.STRUCTURE


def _entry_index(issue: Issue) -> int | None:
    found = _AT_ENTRY.match(issue.expression[0]) if issue.expression else None
    return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class _Server:
    """Whom the Bundle is sent to."""

    types: Collection[str]
    base: str
    condition: Condition


def _plan_entry(plan: BundlePlan, index: int, entry: BundleEntry, resource: Any, server: _Server) -> None:
    element = "request"
    try:
        planned = _planned(entry, resource, server)
        element = "resource"
        if planned.method == "PATCH":
            entry_patch(planned)
    except _Fault as fault:
        plan.refuse(index, fault.code, str(fault), fault.element)
        return
    except FhirError as error:
        plan.refuse_for(index, error, element)
        return
    if planned.method in ("POST", "PUT"):
        wanted_id = planned.id if planned.method == "PUT" and planned.condition is None else None
        for issue in identity_issues(resource, planned.type, wanted_id):
            plan.refuse(index, issue.code, issue.text, "resource")
    if index not in plan.issues:
        plan.entries[index] = planned


def _planned(entry: BundleEntry, resource: Any, server: _Server) -> PlannedEntry:
    """Raises _Fault, and FhirError for a condition that cannot be read."""
    request = entry.request
    if request is None:
        raise _Fault("required", "the entry has no request", "request")
    url = request.url.removeprefix(f"{server.base}/").removeprefix("/")
    if request.method in ("GET", "HEAD"):
        return PlannedEntry(
            request.method, url, if_none_match=request.if_none_match, if_modified_since=request.if_modified_since
        )
    if request.method not in _FORMS:
        raise _Fault("not-supported", f"{request.method} entries are not supported", "request.method")
    resource_type, resource_id, search = _address(request, url, server.types)
    text = b"" if request.method == "DELETE" else bytes(entry.resource)
    if request.method != "DELETE" and not text:
        raise _Fault("required", f"a {request.method} entry needs a resource", "resource")
    condition = server.condition(resource_type, search) if search is not None else None
    if condition is not None and request.method == "PUT" and isinstance(resource, dict):
        resource_id = str(resource.get("id", ""))
    return PlannedEntry(
        request.method,
        url,
        resource_type,
        resource_id,
        text,
        resource,
        entry.full_url,
        _if_match(request),
        request.if_none_match,
        condition=condition,
    )


def _address(request: BundleRequest, url: str, types: Collection[str]) -> tuple[str, str, str | None]:
    """Type, id and search of a write; a create has no id, and a search only by its ifNoneExist."""
    path, question_mark, query = url.partition("?")
    form, segments = _FORMS[request.method], path.split("/")
    is_create = request.method == "POST"
    if len(segments) != (1 if is_create or question_mark else 2) or (is_create and question_mark):
        raise _Fault("value", f"the URL of a {request.method} entry is '{url[:80]}'; it has to be {form}")
    if segments[0] not in types:
        raise _Fault("not-supported", f"this server has no resources of type '{segments[0][:80]}'")
    resource_id = segments[1] if len(segments) > 1 else ""
    if len(segments) > 1 and not ID.fullmatch(resource_id):
        raise _Fault("value", f"'{resource_id[:80]}' is no id: an id is 1 to 64 letters, digits, '-' and '.'")
    if is_create:
        return segments[0], "", request.if_none_exist or None
    return segments[0], resource_id, query if question_mark else None


def _if_match(request: BundleRequest) -> int | None:
    try:
        return required_version(request.if_match)
    except InvalidParameter as error:
        raise _Fault("value", str(error), "request.ifMatch") from None


def entry_patch(entry: PlannedEntry) -> Patch:
    """The patch of a PATCH entry: Parameters, which are a FHIRPath Patch (rest-rules TX-7), or a Binary that holds one
    in another form. Raises FhirError where it cannot be read."""
    if entry.resource.get("resourceType") != "Binary":
        return read_patch(FHIR_JSON, entry.text)
    try:
        body = base64.b64decode(entry.resource.get("data", ""), validate=True)
    except ValueError:
        raise MalformedContent("the data of the Binary are not base64") from None
    return read_patch(str(entry.resource.get("contentType", "")).partition(";")[0].strip().lower(), body)
