"""What a resource is held against beyond its structure: the profile asked for, those it names, its extensions, and the
code systems its codes are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cache
from typing import Any

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.definitions.elements import is_a, types
from fhir_service.definitions.profiles import r4_profiles
from fhir_service.fhir.errors import Issue
from fhir_service.terminology.code_systems import code_system
from fhir_service.terminology.terminologies import Terminologies, terminologies
from fhir_service.validation.answers import answer_issues
from fhir_service.validation.case_reports import MODEL, case_report_findings, is_case_report
from fhir_service.validation.codes import code_findings
from fhir_service.validation.definition_rules import definition_issues
from fhir_service.validation.profiles import wording
from fhir_service.validation.profiles.bindings import BoundCodes
from fhir_service.validation.profiles.errors import BrokenProfile
from fhir_service.validation.profiles.findings import extension_findings, profile_findings, stated_profile_findings
from fhir_service.validation.profiles.implied import ImpliedProfiles
from fhir_service.validation.profiles.registry import ProfileRegistry
from fhir_service.validation.prose_rules import prose_issues
from fhir_service.validation.references import reference_findings
from fhir_service.validation.resource_findings import breaks_structure, resource_findings

_BASE = "http://hl7.org/fhir/StructureDefinition/"


class Conformance:
    """The StructureDefinitions of `mappings/`, HL7's, and those `sent` along, with the codes they are bound to.

    `sent` are resources of any type by canonical URL; StructureDefinitions, ValueSets and CodeSystems count. Raises
    BrokenArtifact, UnknownArtifact where `mappings/` cannot be read. `must_support`: what a profile marks so and is not
    there is told, as information.
    """

    def __init__(
        self, base: str = DEFAULT_BASE, sent: Mapping[str, dict[str, Any]] | None = None, *, must_support: bool = False
    ) -> None:
        sent = sent or {}
        self._must_support = must_support
        self._base = base
        own = catalogue(base).artifacts(Kind.PROFILE)
        # Under a base of its own a service meets what services under the default one have made.
        others = {} if base == DEFAULT_BASE else _definitions(DEFAULT_BASE)
        profiles = _of_type("StructureDefinition", sent), own, r4_profiles(), _of_type("StructureDefinition", others)
        self._registry = ProfileRegistry(*profiles)
        self._implied = ImpliedProfiles(self._registry)
        beside = {**others, **sent}
        code_systems = {url: code_system(entry) for url, entry in _of_type("CodeSystem", beside).items()}
        value_sets, known = _of_type("ValueSet", beside), terminologies(base)
        self._terminology = known.beside(code_systems, value_sets) if beside else known
        self._codes = BoundCodes(self._terminology)

    @property
    def base(self) -> str:
        """The canonical base of the definitions of the service."""
        return self._base

    def with_definitions(self, definitions: Mapping[str, dict[str, Any]], terminology: Terminologies) -> Conformance:
        """A copy that knows these StructureDefinitions too, behind its own, with another terminology."""
        other = copy(self)
        other._registry = self._registry.before(definitions)
        other._terminology, other._codes = terminology, BoundCodes(terminology)
        return other

    def telling_must_support(self) -> Conformance:
        """A copy that tells what a profile marks must-support and is not there, as information."""
        other = copy(self)
        other._must_support = True
        return other

    def knows(self, profile: str) -> bool:
        """Whether there is a definition of that canonical URL, the types of R4 included."""
        return bool(_type_named(profile)) or self._registry.knows(profile)

    def issues(self, resource: Any, profile: str = "") -> list[Issue]:
        """What is wrong with a resource that is right in its structure; `profile` is the one it has to conform to."""
        found = self.profile_issues(resource, profile) if profile else []
        found += stated_profile_findings(
            resource, self._registry, self._codes, self._implied, must_support=self._must_support
        )
        return found + extension_findings(resource, self._registry, self._codes)

    def code_issues(self, resource: Any) -> list[Issue]:
        """What is wrong with the values and codes of a resource that is right in its structure, and with the types of
        what it refers to."""
        found = prose_issues(resource) + definition_issues(resource) + self._answer_issues(resource)
        return (
            found
            + self._faults_of_a_profile(resource)
            + code_findings(resource, self._terminology)
            + reference_findings(resource)
        )

    def _faults_of_a_profile(self, resource: dict[str, Any]) -> list[Issue]:
        """Why a profile that is itself validated could not be used."""
        is_profile = resource["resourceType"] == "StructureDefinition" and resource.get("derivation") == "constraint"
        if not is_profile or resource.get("kind") not in ("resource", "complex-type"):
            return []
        try:
            self._registry.behind(resource).compiled(resource["url"])
        except BrokenProfile as error:
            return [Issue("error", "invalid", str(error), ("StructureDefinition",), "profile.broken")]
        return []

    def _answer_issues(self, resource: dict[str, Any]) -> list[Issue]:
        """What is wrong with answers to a form that they contain, or that is ours. What is not completed may lack what
        the form requires."""
        asked = resource.get("questionnaire") if resource["resourceType"] == "QuestionnaireResponse" else None
        if not isinstance(asked, str):
            return []
        held = {f"#{one.get('id')}": one for one in resource.get("contained", ())}
        form = held.get(asked) or catalogue(self._base).artifacts(Kind.QUESTIONNAIRE).get(asked.partition("|")[0])
        if form is None or form.get("resourceType") != "Questionnaire":
            return []
        found = answer_issues(resource, form, self._terminology.codes_in)
        is_whole = resource.get("status") in ("completed", "amended")
        return [issue for issue in found if is_whole or issue.rule != "form.required"]

    def profile_issues(self, resource: Any, profile: str) -> list[Issue]:
        """Whether a resource conforms to a profile, the types of R4 themselves included. To be asked about one that is
        not known here is an error, since nothing was checked against it."""
        name = _type_named(profile)
        if not name:
            return profile_findings(resource, profile, self._registry, self._codes, must_support=self._must_support)
        sent = resource.get("resourceType") if isinstance(resource, dict) else None
        if isinstance(sent, str) and not is_a(sent, name):
            text = f"the resource is a {sent[:80]}, the profile is of {name}"
            return [Issue("error", "structure", text, (sent[:80],))]
        return []

    def case_report_issues(self, value: Any, profile: str = "") -> list[Issue] | None:
        """What is wrong with a case report in logical-model JSON; None where it is not meant as one: the model is not
        the profile asked for, or none is and it has not the lists of one."""
        asked = profile.partition("|")[0] == self._base + MODEL
        return case_report_findings(value, self._base) if asked or (not profile and is_case_report(value)) else None

    def not_begun(self, profile: str) -> list[Issue]:
        """What to say of a profile where the structure of the resource is wrong."""
        if not profile:
            return []
        if not _type_named(profile) and not self._registry.knows(profile):
            return [Issue("error", "not-supported", wording.unknown_profile(profile, ""), (), "profile.unknown")]
        text = f"mend the structure first; nothing was checked against the profile {profile[:200]} yet"
        return [Issue("information", "incomplete", text, (), "profile.not-begun")]


def _type_named(profile: str) -> str:
    """The type of R4 whose canonical it is, or empty."""
    url, _, version = profile.partition("|")
    name = url.removeprefix(_BASE)
    return name if url != name and name in types() and version in ("", "4.0", "4.0.1") else ""


def _definitions(base: str) -> dict[str, dict[str, Any]]:
    kinds = (Kind.PROFILE, Kind.CODE_SYSTEM, Kind.VALUE_SET)
    return {url: entry for kind in kinds for url, entry in catalogue(base).artifacts(kind).items()}


def _of_type(resource_type: str, sent: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {url: entry for url, entry in sent.items() if entry.get("resourceType") == resource_type}


def all_issues(resource: Any, conformance: Conformance, profiles: str | Sequence[str] = ()) -> list[Issue]:
    """Everything that is wrong with a resource; where its structure is right, also by the profiles asked for, by those
    it names, by the definitions of its extensions and by the code systems of its codes. A case report is held against
    the logical model."""
    asked = [profiles] if isinstance(profiles, str) else profiles
    if (told := conformance.case_report_issues(resource, next(iter(asked), ""))) is not None:
        return told
    found = resource_findings(resource)
    if breaks_structure(found):
        return found + [issue for profile in asked for issue in conformance.not_begun(profile)]
    for profile in asked:
        found += conformance.profile_issues(resource, profile) if profile else []
    return found + conformance.issues(resource) + conformance.code_issues(resource)


@cache
def conformance(base: str = DEFAULT_BASE) -> Conformance:
    """That of one base, without anything sent along, once for the process."""
    return Conformance(base)
