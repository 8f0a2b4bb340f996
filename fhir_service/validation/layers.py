"""How much is asked of a resource: layers, of which each holds those before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from types import MappingProxyType

EVERY_TYPE = "*"


class Layer(IntEnum):
    """The last layer that is looked at; its name in lower case is what settings call it."""

    STRUCTURE = 1
    INVARIANTS = 2
    PROFILES = 3
    CODES = 4
    REFERENCES = 5


USUAL: Mapping[str, Layer] = MappingProxyType({EVERY_TYPE: Layer.INVARIANTS})


def layers(entries: Iterable[str]) -> Mapping[str, Layer]:
    """Layers by resource type, of entries such as `Patient=codes`; `*` is every other type. Raises ValueError."""
    found = dict(USUAL)
    for entry in entries:
        name, sign, layer = (part.strip() for part in entry.partition("="))
        if not sign or not name or layer.upper() not in Layer.__members__ or layer != layer.lower():
            names = ", ".join(known.name.lower() for known in Layer)
            raise ValueError(f"'{entry}' has to be Type=layer or *=layer, where layer is one of {names}")
        found[name] = Layer[layer.upper()]
    return MappingProxyType(found)
