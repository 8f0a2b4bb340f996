"""What a reference points at, in the one form that is stored and searched."""

from __future__ import annotations

import re
from typing import Any

_RELATIVE = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_LOOPBACK = re.compile(r"^(?:localhost|127\.0\.0\.1|\[::1\])(?=[:/]|$)")
_AT_END = re.compile(rf"(?:^|/){_RELATIVE.pattern}$")


def normal_reference(text: str, base: str | None = None) -> str | None:
    """`Type/id` for a reference to this server, relative or absolute under `base`, version dropped; any other absolute
    one as it is. None for a contained resource and for `urn:uuid:`, which is no address once a resource is stored.

    http and https never name different things (GEN-1), nor do the names of this machine.
    """
    if base is not None and text.startswith(("http://", "https://")):
        text = _after_base(text, base.rstrip("/")) or text
    if relative := _RELATIVE.fullmatch(text):
        return f"{relative['type']}/{relative['id']}"
    return None if not text or text.startswith(("#", "urn:uuid:")) else text


def _after_base(address: str, base: str) -> str:
    place, ours = (_LOOPBACK.sub("localhost", text.partition("://")[2]) for text in (address, base))
    return place.removeprefix(f"{ours}/") if place.startswith(f"{ours}/") else ""


def target_type(reference: Any) -> str | None:
    """The resource type a Reference names, by its address or its `type`; None where neither tells."""
    if not isinstance(reference, dict):
        return None
    address = reference.get("reference")
    if isinstance(address, str) and (found := _RELATIVE.fullmatch(address) or _AT_END.search(address)):
        return found["type"]
    declared = reference.get("type")
    return declared if isinstance(declared, str) else None
