"""Narratives that are no XHTML, which JSON holds as any text and XML cannot, or that break txt-1 or txt-2 (R4
narrative.html)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.formats.xhtml import narrative_fault

NARRATIVE = "structure.narrative"
_NESTED = ("contained", "entry", "resource", "response", "outcome", "parameter", "part")
"""Members that hold resources, or lead to some."""
_LEADS_THERE = frozenset({"text", *_NESTED})


def narrative_issues(resource: Any) -> list[Issue]:
    """Of a resource that is right in its structure, and of every resource nested in it."""
    if isinstance(resource, dict) and _LEADS_THERE.isdisjoint(resource):
        return []
    issues = []
    for div, path in _narratives(resource):
        if fault := narrative_fault(div):
            text = f"the narrative is not XHTML as FHIR allows it: {fault.text}"
            code = "invariant" if fault.breaks else "structure"
            issues.append(Issue("error", code, text, (path,), fault.breaks or NARRATIVE))
    return issues


def _narratives(resource: Any) -> Iterator[tuple[str, str]]:
    waiting = [(resource, str(resource.get("resourceType")) if isinstance(resource, dict) else "")]
    while waiting:
        node, path = waiting.pop()
        if isinstance(node, list):
            waiting.extend((item, f"{path}[{index}]") for index, item in reversed(list(enumerate(node))))
        elif isinstance(node, dict):
            narrative = node.get("text") if "resourceType" in node else None
            if isinstance(narrative, dict) and isinstance(narrative.get("div"), str):
                yield narrative["div"], f"{path}.text.div"
            waiting.extend((node[name], f"{path}.{name}") for name in reversed(_NESTED) if name in node)
