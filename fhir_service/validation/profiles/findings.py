"""A resource against profiles: the way in, with every limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.fhir.fhirpath_budget import until
from fhir_service.fhir.references import restful_url
from fhir_service.validation.profiles import wording
from fhir_service.validation.profiles.bindings import BoundCodes, Terminology
from fhir_service.validation.profiles.errors import BrokenProfile, UnknownProfile
from fhir_service.validation.profiles.extensions import check_extensions
from fhir_service.validation.profiles.implied import ImpliedProfiles
from fhir_service.validation.profiles.instances import Item
from fhir_service.validation.profiles.registry import ProfileRegistry
from fhir_service.validation.profiles.runs import Enough, Run
from fhir_service.validation.profiles.trees import core_type
from fhir_service.validation.profiles.type_checks import meet

_NESTED = ("contained", "entry", "resource", "response", "outcome", "parameter", "part")
"""Members that hold resources, or lead to some."""


def profile_findings(
    resource: Any,
    url: str,
    registry: ProfileRegistry,
    terminology: Terminology | BoundCodes,
    *,
    must_support: bool = False,
) -> list[Issue]:
    """Everything in which a resource that is right in its structure does not conform to a profile.

    A profile that is not known, or cannot be used, is an error: nothing was checked against it. `must_support` adds
    what is marked so and is not there, as information.
    """
    run = new_run(resource, registry, terminology, must_support=must_support)
    return _within_limits(run, lambda: _against(resource, url, _type_of(resource), run))


def extension_findings(resource: Any, registry: ProfileRegistry, terminology: Terminology | BoundCodes) -> list[Issue]:
    """What is wrong with the extensions of a resource that is right in its structure, nested resources included."""
    run = new_run(resource, registry, terminology)
    return _within_limits(run, lambda: check_extensions(resource, _type_of(resource), run))


def stated_profile_findings(
    resource: Any,
    registry: ProfileRegistry,
    terminology: Terminology | BoundCodes,
    implied: ImpliedProfiles,
    *,
    must_support: bool = False,
) -> list[Issue]:
    """A resource, and each resource nested in it, against the profiles that its `meta.profile` names, where one that is
    not known is a warning, and against those that its code calls for."""
    run = new_run(resource, registry, terminology, must_support=must_support)

    def work() -> None:
        for inner, where in _resources(resource):
            stated = _stated(inner)
            for at, url in enumerate(stated):
                _against_stated(inner, url, f"{where}.meta.profile[{at}]", where, run.inside(inner))
            for url in implied.profiles_of(inner):
                if url not in stated:
                    _against(inner, url, where, run.inside(inner))

    return _within_limits(run, work)


def _against_stated(resource: Any, url: str, place: str, where: str, run: Run) -> None:
    if core_type(url.partition("|")[0]):
        meet(Item(resource, None, _type_of(resource), ""), url.partition("|")[0], where, run)
    elif run.registry.knows(url):
        _against(resource, url, where, run)
    else:
        run.once("warning", "not-supported", wording.unknown_profile(url, ""), place, "profile.unknown")


def _stated(resource: dict[str, Any]) -> list[str]:
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    return [url for url in profiles if isinstance(url, str)] if isinstance(profiles, list) else []


def _resources(resource: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """A resource and those nested in it, with their expressions."""
    waiting = [(resource, _type_of(resource))]
    while waiting:
        node, where = waiting.pop()
        if isinstance(node, list):
            waiting.extend((item, f"{where}[{at}]") for at, item in reversed(list(enumerate(node))))
        elif isinstance(node, dict):
            if "resourceType" in node:
                yield node, where
            waiting.extend((node[name], f"{where}.{name}") for name in reversed(_NESTED) if name in node)


def new_run(
    resource: Any, registry: ProfileRegistry, terminology: Terminology | BoundCodes, *, must_support: bool = False
) -> Run:
    codes = terminology if isinstance(terminology, BoundCodes) else BoundCodes(terminology)
    return Run(registry, codes, resource, resource, _targets(resource), must_support=must_support)


def _against(resource: Any, url: str, where: str, run: Run) -> None:
    try:
        missing = run.registry.missing_base(url)
        run.registry.compiled(url)
    except UnknownProfile:
        run.found("error", "not-supported", wording.unknown_profile(url, ""), "", "profile.unknown")
        return
    except BrokenProfile as error:
        run.found("error", "not-supported", f"{error}; nothing was checked against it", "", "profile.broken")
        return
    if missing:
        run.once("warning", "incomplete", wording.missing_base(missing, url), where, "profile.missing-base")
    meet(Item(resource, None, _type_of(resource), ""), url, where, run)


def _within_limits(run: Run, work: Callable[[], None]) -> list[Issue]:
    try:
        with until(run.budget.deadline):
            work()
    except Enough as why:
        run.issues.append(Issue("error", "too-costly", wording.stopped(str(why)), (), "profile.stopped"))
    except RecursionError:
        text = wording.stopped("profiles or the resource are nested too deeply")
        run.issues.append(Issue("error", "too-costly", text, (), "profile.stopped"))
    return run.issues


def _type_of(resource: Any) -> str:
    stated = resource.get("resourceType") if isinstance(resource, dict) else None
    return stated if isinstance(stated, str) else ""


def _targets(root: Any) -> Callable[[str, Any], Any]:
    """Where references lead within what was sent: contained resources, and the entries of a Bundle."""
    entries = _entries(root) if _type_of(root) == "Bundle" else {}
    contained: dict[int, Mapping[str, Any]] = {}

    def target(reference: str, resource: Any) -> Any:
        if not reference.startswith("#"):
            return entries.get(reference) if entries else None
        if reference == "#":
            return resource
        if id(resource) not in contained:
            contained[id(resource)] = _contained(resource)
        return contained[id(resource)].get(reference)

    return target


def _contained(resource: Any) -> Mapping[str, Any]:
    """What a resource contains, by the reference to it; of two with one id the first."""
    held = resource.get("contained") if isinstance(resource, dict) else None
    items = [entry for entry in held if isinstance(entry, dict)] if isinstance(held, list) else []
    return {f"#{entry['id']}": entry for entry in reversed(items) if isinstance(entry.get("id"), str)}


def _entries(root: Any) -> Mapping[str, Any]:
    """The resources of a Bundle by fullUrl, and by `Type/id` where only one has it."""
    found: dict[str, Any] = {}
    for full_url, resource in _bundled(root):
        for name in {full_url, _relative(full_url), f"{_type_of(resource)}/{resource.get('id')}"} - {""}:
            found[name] = None if name in found and found[name] is not resource else resource
    return found


def _bundled(root: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    entries = root.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            full_url = entry.get("fullUrl")
            yield full_url if isinstance(full_url, str) else "", entry["resource"]


def _relative(full_url: str) -> str:
    url = restful_url(full_url)
    return f"{url.type}/{url.id}" if url else ""
