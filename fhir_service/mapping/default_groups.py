"""Which group carries on a shorthand rule `a.x -> b.y` (mapping language, "default mapping groups")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from fhir_service.mapping.errors import Fault
from fhir_service.mapping.shapes import Shape
from fhir_service.mapping.syntax import Group

M = TypeVar("M")


def find_default_group(
    candidates: Sequence[tuple[M, Group, Shape | None, Shape | None]], given: Shape, wanted: Sequence[str]
) -> tuple[M, Group, Shape] | None:
    """The group from the type of the source to one of the types of the target, and that type; None for none.

    A `<<type+>>` group also decides the type of a choice by the source alone. Raises Fault where two groups fit.
    """
    found = [
        (module, group, result)
        for module, group, source, result in candidates
        if source is not None and result is not None and source.name == given.name and result.name in wanted
    ]
    if len(found) > 1:
        preferred = [entry for entry in found if entry[1].type_mode == "type-and-types"]
        if len(preferred) != 1:
            names = ", ".join(group.name for _, group, _ in found)
            raise Fault(f"several groups map a {given.name} by default: {names}")
        found = preferred
    return found[0] if found else None
