"""UCUM units in base units, so that a search compares mg/dL with g/L (rest-rules QTY-2).

The units that HL7 lists as common come from compiled data; for any other, ucumvert is loaded when it is first met.
Units that UCUM does not let one compare have different scopes: mass and amount of substance, and each arbitrary unit
(international units of one thing are none of another).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

import msgspec

from fhir_service.definitions.data_files import read_data
from fhir_service.search.collector import HIGHEST

UCUM = "http://unitsofmeasure.org"
_LONGEST = 60
_ANNOTATION = re.compile(r"[./]?\{[^{}]*\}")
_ARBITRARY = re.compile(r"\[[^\[\]]*U\]", re.IGNORECASE)


class Conversion(msgspec.Struct, frozen=True, array_like=True):
    """value * factor + offset is in base units, which `base` names."""

    base: str
    factor: float
    offset: float = 0.0

    @property
    def scope(self) -> str:
        """The unit for `terms.interval_scope`."""
        return f"ucum:{self.base}"

    def converted(self, value: float) -> float:
        """To 12 digits, so that equal quantities are equal numbers; an open end stays open."""
        if abs(value) >= HIGHEST:
            return value
        return max(-HIGHEST, min(HIGHEST, float(f"{value * self.factor + self.offset:.12g}")))


class _Listed(msgspec.Struct, frozen=True):
    units: dict[str, Conversion]


def is_listed(code: str) -> bool:
    """Whether it is one of those that HL7 lists as common, so that nothing has to be worked out."""
    return code in _listed()


@lru_cache(maxsize=4096)
def conversion(code: str) -> Conversion | None:
    """How values of a UCUM code (case-sensitive) become base units; None for what is no UCUM unit, a mere annotation
    such as `{score}`, and logarithmic scales."""
    return _listed().get(code) or measured(code)


def measured(code: str) -> Conversion | None:
    """The same, worked out by ucumvert."""
    bare = _ANNOTATION.sub("", code)
    if not bare or len(code) > _LONGEST or not code.isascii() or code.split() != [code]:
        return None
    registry = _registry()
    try:
        one_unit = registry.from_ucum(bare)
        units, factor = one_unit.units, float(one_unit.magnitude)
        at = [registry.Quantity(value * factor, units).to_base_units() for value in (0.0, 1.0, 2.0)]
    except Exception:  # the parser and the registry raise errors of many libraries; each means the unit is not known
        return None
    zero, one, two = (float(point.magnitude) for point in at)
    if abs((two - one) - (one - zero)) > 1e-9 * abs(two - zero):
        return None
    return Conversion(_base(code, f"{at[1].units:~C}"), float(f"{one - zero:.15g}"), float(f"{zero:.15g}"))


def _base(code: str, units: str) -> str:
    kinds = [unit.casefold() for unit in _ARBITRARY.findall(code)]
    if not units and "mol" in code:
        kinds.append("mol")
    return " ".join([units or "1", *kinds])


@cache
def _listed() -> dict[str, Conversion]:
    return read_data("ucum-units.json", _Listed).units


@cache
def _registry() -> Any:
    from ucumvert import PintUcumRegistry  # noqa: PLC0415  # takes a second, and few need it

    return PintUcumRegistry()
