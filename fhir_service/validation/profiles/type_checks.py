"""Checks of the type of a value, of the profiles of that type, and of what a reference leads to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fhir_service.definitions.elements import is_a
from fhir_service.fhir.references import restful_url
from fhir_service.validation.profiles import wording
from fhir_service.validation.profiles.errors import BrokenProfile, UnknownProfile
from fhir_service.validation.profiles.instances import Item
from fhir_service.validation.profiles.runs import Mismatch, Run
from fhir_service.validation.profiles.trees import Node, core_type
from fhir_service.validation.profiles.value_checks import Check

if TYPE_CHECKING:
    from fhir_service.validation.profiles.registry import ProfileRegistry

_OPEN = frozenset({"Resource", "DomainResource", "Element", "BackboneElement", "*"})
_POINTERS = frozenset({"Reference"})


def type_check(node: Node, profile: str) -> Check | None:
    """Whether the value has one of the types an element is narrowed to."""
    codes = {rule.code for rule in node.types}
    if not codes or codes & _OPEN:
        return None
    if not (node.name.endswith("[x]") or node.name in ("resource", "contained", "outcome")):
        return None
    allowed = tuple(sorted(codes))

    def check(item: Item, where: str, run: Run) -> None:
        if item.type not in codes:
            run.found("error", "structure", wording.wrong_type(item.type, allowed, profile), where, "profile.type")

    return check


def profile_check(node: Node, profile: str) -> Check | None:
    """Whether the value conforms to one of the profiles that its type names."""
    by_code = {rule.code: rule.profiles for rule in node.types if rule.profiles}
    if not by_code:
        return None

    def check(item: Item, where: str, run: Run) -> None:
        urls = by_code.get(item.type) or by_code.get("Resource", ())
        if not isinstance(item.value, dict) or not urls:
            return
        if item.type == "Extension" and item.value.get("url") in {url.partition("|")[0] for url in urls}:
            return  # every extension is held against its own definition once
        _meet_one(item, urls, where, run, profile)

    return check


def _meet_one(item: Item, urls: tuple[str, ...], where: str, run: Run, profile: str) -> None:
    known = [url for url in urls if run.registry.knows(url) or core_type(url)]
    if not known:
        text = wording.unknown_profile(urls[0], profile)
        run.once("information", "not-supported", text, where, "profile.unknown")
    elif len(known) == 1:
        meet(item, known[0], where, run)
    elif not any(conforms(item, url, run) for url in known) and len(known) == len(urls):
        if run.trial:
            raise Mismatch
        nearest = min((run.errors(partial(meet, item, url, where)) for url in urls), key=len)
        text = wording.none_of_profiles(urls, nearest, profile)
        run.found("error", "structure", text, where, "profile.type-profile")


def meet(item: Item, url: str, where: str, run: Run) -> None:
    """Everything in which a value does not conform to a profile, R4's types among them."""
    if name := core_type(url):
        if not is_a(item.type, name):
            run.found("error", "structure", wording.wrong_type(item.type, (name,), url), where, "profile.type")
        return
    try:
        compiled = run.registry.compiled(url)
    except UnknownProfile:
        run.once("information", "not-supported", wording.unknown_profile(url, ""), where, "profile.unknown")
        return
    except BrokenProfile as error:
        run.once("error", "not-supported", f"{error}; nothing was checked against it", where, "profile.broken")
        return
    if not is_a(item.type, compiled.type):
        text = wording.wrong_type(item.type, (compiled.type,), url)
        run.found("error", "structure", text, where, "profile.type")
        return
    compiled.check(item, where, run)


def conforms(item: Item, url: str, run: Run) -> bool:
    """Whether a value meets a profile; it is looked at once."""
    return run.conforms((id(item.value), url), lambda trial: meet(item, url, "", trial))


def target_check(node: Node, profile: str) -> Check | None:
    """Whether a reference leads to a resource of an allowed type, and where that came along, of an allowed profile."""
    urls = tuple(url for rule in node.types if rule.code in _POINTERS for url in rule.target_profiles)
    if not urls:
        return None
    allowed: dict[str, str] = {}
    """By profile the type it is about; found out when it is first needed, since profiles may name one another."""

    def check(item: Item, where: str, run: Run) -> None:
        if item.type not in _POINTERS or not isinstance(item.value, dict):
            return
        if len(allowed) < len(set(urls)):
            allowed.update({url: target_type(url, run.registry) for url in urls})
        for url, of in allowed.items():
            if not of:
                run.once(
                    "information", "not-supported", wording.unknown_profile(url, profile), where, "profile.unknown"
                )
        if "" not in allowed.values() and "Resource" not in allowed.values():
            _lead_to(item.value, allowed, where, run, profile)

    return check


def _lead_to(reference: dict[str, Any], allowed: dict[str, str], where: str, run: Run, profile: str) -> None:
    target, name = pointed_at(reference, run)
    if not name:
        return
    fitting = [url for url, of in allowed.items() if of == name]
    if not fitting:
        text = wording.wrong_target(name, sorted(set(allowed.values())), profile)
        run.found("error", "value", text, where, "profile.reference-target")
    elif target is not None and not any(core_type(url) for url in fitting):
        item = Item(target, None, name, "")
        if not any(conforms(item, url, run.inside(target)) for url in fitting):
            text = wording.target_does_not_conform(fitting, profile)
            run.found("error", "structure", text, where, "profile.reference-profile")


def pointed_at(reference: dict[str, Any], run: Run) -> tuple[Any, str]:
    """The resource that a Reference leads to, where it came along, and its type; empty where that cannot be told."""
    literal, stated = reference.get("reference"), reference.get("type")
    target = run.target(literal, run.resource) if isinstance(literal, str) else None
    if isinstance(target, dict) and isinstance(target.get("resourceType"), str):
        return target, target["resourceType"]
    url = restful_url(literal) if isinstance(literal, str) else None
    if url is not None:
        return None, url.type
    return None, stated.rpartition("/")[2] if isinstance(stated, str) else ""


def target_type(url: str, registry: ProfileRegistry) -> str:
    """The type of resource a profile is about; empty where the profile cannot be used."""
    if name := core_type(url):
        return name
    try:
        return registry.tree(url).holder
    except (UnknownProfile, BrokenProfile):
        return ""
