"""The words of the profile findings: what was found, what is allowed, how to mend it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from fhir_service.fhir.errors import Issue
from fhir_service.validation.profiles.element_rules import BindingRule, InvariantRule, TypedValue
from fhir_service.validation.wording import listed, perhaps, quoted

_MOST = 300
_encoder = msgspec.json.Encoder(decimal_format="number")


def of(profile: str) -> str:
    return f" (profile {profile[:200]})"


def element(name: str, slice_name: str) -> str:
    stem = name.removesuffix("[x]")
    return f"{stem} (slice {slice_name[:80]})" if slice_name else stem


def too_few(name: str, slice_name: str, least: int, found: int, profile: str) -> str:
    if found == 0 and least == 1:
        return f"{element(name, slice_name)} is missing and needed; add it{of(profile)}"
    return f"{element(name, slice_name)} is there {_times(found)} and needed at least {_times(least)}{of(profile)}"


def too_many(name: str, slice_name: str, most: int, found: int, profile: str) -> str:
    if most == 0:
        return f"{element(name, slice_name)} is not allowed here; remove it{of(profile)}"
    mend = f"keep {most}"
    return (
        f"{element(name, slice_name)} is there {_times(found)} and allowed at most {_times(most)}; {mend}{of(profile)}"
    )


def wrong_type(found: str, allowed: Collection[str], profile: str) -> str:
    return f"the value is a {found}; allowed: {listed(allowed)}{of(profile)}"


def not_fixed(value: Any, wanted: TypedValue, profile: str) -> str:
    return f"{shown(value)} is not the fixed value; write exactly {shown(wanted.value)}{of(profile)}"


def no_pattern(value: Any, wanted: TypedValue, profile: str) -> str:
    return f"{shown(value)} has not the pattern; it needs at least {shown(wanted.value)}{of(profile)}"


def out_of_range(value: Any, bound: Any, profile: str, *, least: bool) -> str:
    allowed = "at least" if least else "at most"
    return f"{shown(value)} is out of range; allowed: {allowed} {shown(bound)}{of(profile)}"


def range_not_checked(value: Any, bound: Any, profile: str) -> str:
    return f"{shown(value)} cannot be compared with the limit {shown(bound)}; it was not checked{of(profile)}"


def too_long(length: int, most: int, profile: str) -> str:
    return f"the text has {length:,} characters; allowed: at most {most:,}; shorten it{of(profile)}"


def value_set_not_listed(value_set: str, profile: str) -> str:
    return (
        f"the codes of the value set {value_set[:200]} are not known here; no code was checked against it{of(profile)}"
    )


def code_not_in_value_set(
    binding: BindingRule, written: Iterable[tuple[str, str]], members: Collection[tuple[str, str]], profile: str
) -> str:
    codes = [code for _, code in written]
    what = f"{listed([quoted(code) for code in codes])} is not" if codes else "there is no code that is"
    known = sorted({code for _, code in members})
    allowed = (
        f"allowed: {listed(known)}"
        if len(known) <= 20
        else f"{len(known)} codes are allowed" + (perhaps(codes[0], known) if codes else "")
    )
    strength = "" if binding.strength == "required" else ", which is to be used where it has the meaning"
    return f"{what} in the value set {binding.value_set[:200]}{strength}; {allowed}{of(profile)}"


def no_slice(name: str, slices: Collection[str], profile: str) -> str:
    return f"this {element(name, '')} fits none of the slices {listed(slices)}, and no others are allowed{of(profile)}"


def several_slices(name: str, slices: Collection[str], profile: str) -> str:
    return (
        f"this {element(name, '')} fits more than one slice: {listed(slices)}; mend it so that it fits one{of(profile)}"
    )


def not_at_end(name: str, profile: str) -> str:
    return f"this {element(name, '')} fits no slice; such have to stand after all that fit one{of(profile)}"


def out_of_order(name: str, slice_name: str, before: str, profile: str) -> str:
    return (
        f"{element(name, slice_name)} has to stand before {element(name, before)}; slices are ordered here{of(profile)}"
    )


def slices_not_told(name: str, slice_name: str, path: str, profile: str) -> str:
    return (
        f"which {element(name, '')} is of slice {slice_name[:80]} cannot be told, since the profile says nothing there "
        f"about '{path[:80]}'; the slice was not checked{of(profile)}"
    )


def unknown_profile(url: str, profile: str) -> str:
    return f"the profile {url[:200]} is not known here; nothing was checked against it" + (
        of(profile) if profile else ""
    )


def none_of_profiles(urls: Collection[str], nearest: Sequence[Issue], profile: str) -> str:
    """`nearest` are the faults by the profile that it has fewest by."""
    fault = f"; nearest, at {''.join(nearest[0].expression)[:200]}: {nearest[0].text[:300]}" if nearest else ""
    return f"the value conforms to none of the profiles {listed(urls)}{of(profile)}{fault}"


def wrong_target(found: str, allowed: Collection[str], profile: str) -> str:
    return f"a reference to {quoted(found)} is not allowed here; allowed: {listed(allowed)}{of(profile)}"


def target_does_not_conform(urls: Collection[str], profile: str) -> str:
    return f"what the reference leads to conforms to none of the profiles {listed(urls)}{of(profile)}"


def must_support(name: str, profile: str) -> str:
    return f"{element(name, '')} is marked must-support and not there{of(profile)}"


def shown(value: Any) -> str:
    """A value as JSON, not too long."""
    try:
        text = _encoder.encode(value).decode()
    except (TypeError, msgspec.MsgspecError, UnicodeEncodeError):
        text = repr(value)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def _times(count: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(count, f"{count} times")


def invariant(rule: InvariantRule, profile: str) -> str:
    return f"{rule.human[:300] or rule.expression[:300]} ({rule.key[:80]}: {rule.expression[:300]}){of(profile)}"


def invariant_not_run(rule: InvariantRule, fault: str, profile: str) -> str:
    return f"the invariant {rule.key[:80]} cannot be run here and was not checked: {fault[:300]}{of(profile)}"


def missing_base(base: str, profile: str) -> str:
    what = f"the base {base[:200]} of the profile is not known here"
    return f"{what}; only what the profile itself says was checked{of(profile)}"


def stopped(why: str) -> str:
    return f"the validation against profiles was stopped: {why}; what it did not come to was not checked"


def no_extension(url: str) -> str:
    return f"{url[:200]} is the definition of something else than an extension"


def wrong_context(url: str, path: str, allowed: Collection[str]) -> str:
    return f"the extension {url[:200]} may not stand on {path[:100]}; allowed on: {listed(allowed)}"


def broken_context_invariant(url: str, path: str, written: str) -> str:
    return f"the extension {url[:200]} may stand on {path[:100]} only where this is true: {written[:300]}"


def wrong_modifier(url: str, *, modifies: bool) -> str:
    wanted = "modifierExtension" if modifies else "extension"
    return f"the extension {url[:200]} has to stand under {wanted}"


def unknown_modifier(url: str) -> str:
    return (
        f"the modifierExtension {url[:200]} is not known here, and it may change the meaning of what carries it; "
        "leave it out, or send its definition along"
    )


def unknown_of_hl7(url: str) -> str:
    return f"HL7 has no extension {url[:200]} for R4 that is known here; correct its url, or send its definition along"


def placeholder_extension(url: str) -> str:
    return (
        f"the extension {url[:200]} has a url that is kept for examples, where no definition can be published; use the "
        "url of its definition, or send that along"
    )


def unknown_extension(url: str) -> str:
    return f"the extension {url[:200]} is not known here; it was not checked"
