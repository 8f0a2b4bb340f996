"""Everything that R4 itself asks of a resource: its structure; where that is right, what its elements say together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from fhir_service.fhir.errors import FhirError, Issue, MalformedContent, UnprocessableContent
from fhir_service.validation.bundles import bundle_findings
from fhir_service.validation.invariant_programs import Look
from fhir_service.validation.invariants import invariant_findings
from fhir_service.validation.json_text import read_json
from fhir_service.validation.narratives import NARRATIVE
from fhir_service.validation.plainly_right import is_plainly_right
from fhir_service.validation.structure import findings

_BEYOND_R4 = ("profile.", "code.", "reference.")
"""How the rules of the later layers begin."""

_LOOKS = {look: Look(*look) for look in product((True, False), repeat=3)}


def resource_findings(resource: object, *, warnings: bool = True, text: bytes = b"") -> list[Issue]:
    """Every finding about a resource, as JSON text or as the value `read_json` gives, in one pass. The `text` of a
    value makes it faster, where it is at hand."""
    if isinstance(resource, bytes):
        text = resource
        try:
            resource = read_json(text)
        except MalformedContent as error:
            return list(error.issues)
    plain = is_plainly_right(resource, text)
    if plain and not warnings:
        return []
    found = [] if plain else findings(resource)
    if not isinstance(resource, dict) or breaks_structure(found):
        return found
    unsure = not text or b"\\" in text
    look = _LOOKS[warnings, unsure or b"xtension" in text, unsure or (b"#" in text and b'"#' in text)]
    return found + invariant_findings(resource, look) + bundle_findings(resource)


def breaks_structure(found: Iterable[Issue]) -> bool:
    """Whether a resource of which this was found is not to be looked at any further."""
    return any((issue.rule or "").startswith("structure.") and issue.rule != NARRATIVE for issue in found)


def resource_errors(resource: object, text: bytes = b"") -> list[Issue]:
    """Those that speak against storing it."""
    if is_plainly_right(resource, text):
        return []
    found = resource_findings(resource, warnings=False, text=text)
    return [issue for issue in found if issue.severity in ("error", "fatal")]


def refusal(text: str, issues: list[Issue]) -> FhirError:
    """The error of a resource that is not stored: it cannot be read as R4 (400), or can, and breaks a rule (422)."""
    if all(issue.code == "invariant" or (issue.rule or "").startswith(_BEYOND_R4) for issue in issues):
        return UnprocessableContent(text, issues=issues)
    return MalformedContent(text, issues=issues)
