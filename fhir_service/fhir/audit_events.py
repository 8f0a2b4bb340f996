"""An access to patient data as it is remembered, and the AuditEvent that tells of it (R4 auditevent.html).

What is remembered are a few words in columns; the resource is made of them whenever it is asked for. It follows the
example of HL7 for REST and IHE's Basic Audit Log Patterns: the request, what it touched, and whose data that was.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from fhir_service.fhir.json_text import instant

NO_PATIENT_DATA = frozenset(
    {
        *("CapabilityStatement", "CodeSystem", "ConceptMap", "NamingSystem", "OperationDefinition", "Questionnaire"),
        *("SearchParameter", "StructureDefinition", "StructureMap", "TerminologyCapabilities", "ValueSet"),
    }
)
"""Types that say nothing of a patient."""
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_INTERACTIONS = "http://hl7.org/fhir/restful-interaction"
_REST = {"system": f"{_TERMINOLOGY}/audit-event-type", "code": "rest", "display": "RESTful Operation"}
_APPLICATION = {"system": f"{_TERMINOLOGY}/security-source-type", "code": "4", "display": "Application Server"}
_PERSON = {"system": f"{_TERMINOLOGY}/audit-entity-type", "code": "1", "display": "Person"}
_OBJECT = {"system": f"{_TERMINOLOGY}/audit-entity-type", "code": "2", "display": "System Object"}
_PATIENT = {"system": f"{_TERMINOLOGY}/object-role", "code": "1", "display": "Patient"}
_RESOURCE = {"system": f"{_TERMINOLOGY}/object-role", "code": "4", "display": "Domain Resource"}
_QUERY = {"system": f"{_TERMINOLOGY}/object-role", "code": "24", "display": "Query"}
_ACTIONS = {
    "create": "C",
    "read": "R",
    "vread": "R",
    "update": "U",
    "patch": "U",
    "delete": "D",
    "history-instance": "R",
    "history-type": "R",
    "history-system": "R",
}
"""By interaction; a search, a Bundle and an operation are executed (`E`)."""
_WITHOUT_NAME = frozenset({*_ACTIONS, "search-type", "search-system", "search-compartment", "transaction", "batch"})
"""Interactions that restful-interaction has a code of."""
_NAMES_RESOURCES = frozenset(
    {
        *("create", "read", "vread", "update", "patch", "delete", "transaction", "batch"),
        *("meta-add", "meta-delete", "submit-report", "registryUpload", "import"),
    }
)
"""Interactions of which each resource is named; of the others the patients are."""
_ALWAYS_NAMED = frozenset({"Binary", "DocumentReference", "_export", "_import", "_upload"})
"""What is named whatever way it was had: resources that hold the words of reports, so that it can be told who has read
which; and jobs, by which what began them is found."""
EVERYBODY = "*"
"""Instead of the id of a patient: any that the client may see."""
LOGIN = "login"
"""The interaction of those who were not let in."""
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_AUTHENTICATION = {"system": _DICOM, "code": "110114", "display": "User Authentication"}
_OF_LOGIN = {"system": _DICOM, "code": "110122", "display": "Login"}
_OUTCOMES = {"0": (0, 399), "4": (400, 499), "8": (500, 999)}
"""By code of AuditEvent.outcome the HTTP statuses that mean it."""


class AccessRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One access. `recorded` in milliseconds since 1970 UTC; `about` is what the address named (`Patient/1`,
    `Observation`, or nothing); `resources` are what was handed out or written, by type and id with the version,
    `patients` the ids of those whose data that was, without those of resources that are `unknown` and looked up when it
    is written (None: all); `more` says that there were too many to keep all."""

    recorded: int
    request: str
    client: str
    address: str
    interaction: str
    about: str
    query: str
    status: int
    resources: Mapping[tuple[str, str], int] = msgspec.field(default_factory=dict)
    patients: tuple[str, ...] = ()
    unknown: frozenset[tuple[str, str]] | None = None
    more: bool = False
    place: int = 0

    @property
    def action(self) -> str:
        """Of AuditEvent.action."""
        return _ACTIONS.get(self.interaction, "E")

    @property
    def outcome(self) -> str:
        """Of AuditEvent.outcome."""
        return next(code for code, (low, high) in _OUTCOMES.items() if low <= self.status <= high)

    @property
    def named_resources(self) -> list[tuple[str, str, int]]:
        """Type, id and version of those that the AuditEvent names one by one."""
        every = self.interaction in _NAMES_RESOURCES
        return [(*key, version) for key, version in self.resources.items() if every or key[0] in _ALWAYS_NAMED]


def audit_event(record: AccessRecord) -> bytes:
    """The AuditEvent of an access, as JSON."""
    moment = instant(record.recorded)
    event = {
        "resourceType": "AuditEvent",
        "id": str(record.place),
        "meta": {"versionId": "1", "lastUpdated": moment},
        "type": _AUTHENTICATION if record.interaction == LOGIN else _REST,
        "subtype": _subtype(record.interaction),
        "action": record.action,
        "recorded": moment,
        "outcome": record.outcome,
        "outcomeDesc": f"HTTP status {record.status}",
        "agent": [_agent(record)],
        "source": {"observer": {"display": "fhir-service"}, "type": [_APPLICATION]},
        "entity": _entities(record),
    }
    return msgspec.json.encode(event)


def _subtype(interaction: str) -> list[dict[str, str]]:
    if interaction == LOGIN:
        return [_OF_LOGIN]
    if interaction in _WITHOUT_NAME:
        return [{"system": _INTERACTIONS, "code": interaction}]
    return [{"system": _INTERACTIONS, "code": "operation"}, {"display": f"${interaction}"}]


def _agent(record: AccessRecord) -> dict[str, Any]:
    agent: dict[str, Any] = {"requestor": True}
    if record.client:
        # A person is named by the issuer that knows them, and by the name they have there.
        issuer, _, name = record.client.rpartition("#")
        identifier = {"system": issuer, "value": name} if issuer else {"value": name}
        agent |= {"who": {"identifier": identifier}, "altId": record.client}
    else:
        agent["name"] = "somebody who did not have to say who they are"
    if record.address:
        agent["network"] = {"address": record.address, "type": "2"}
    return agent


def _entities(record: AccessRecord) -> list[dict[str, Any]]:
    """The request first, then what it touched, then whose that was."""
    asked = f"{record.about}?{record.query}" if record.query else record.about
    details = [{"type": "X-Request-Id", "valueString": record.request}]
    if record.interaction == LOGIN:
        details.append({"type": "times", "valueString": record.query.rpartition("=")[2]})
    if record.more:
        details.append({"type": "incomplete", "valueString": "there were more than are named here"})
    request = {"type": _OBJECT, "role": _QUERY, "query": base64.b64encode((asked or "/").encode()).decode()}
    entities: list[dict[str, Any]] = [request | {"detail": details}]
    named = record.named_resources
    for kind, resource_id, version in named:
        entities.append(_named(kind, f"{kind}/{resource_id}" + (f"/_history/{version}" if version else "")))
    if not named and "/" in record.about:
        entities.append(_named(record.about.partition("/")[0], record.about))
    there = {entity["what"].get("reference") for entity in entities[1:]}
    entities += [_named("Patient", one) for one in (f"Patient/{id_}" for id_ in record.patients) if one not in there]
    return entities


def _named(kind: str, reference: str) -> dict[str, Any]:
    of_patient = kind == "Patient"
    what = {"reference": reference}
    if kind.startswith("_"):  # a job, which is no resource
        what = {"display": reference}
    elif reference == f"Patient/{EVERYBODY}":
        what = {"display": "every patient that the client may see"}
    return {
        "what": what,
        "type": _PERSON if of_patient else _OBJECT,
        "role": _PATIENT if of_patient else _RESOURCE,
    }
