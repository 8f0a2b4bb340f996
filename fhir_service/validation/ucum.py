"""Whether a code is a unit of UCUM (https://ucum.org/ucum)."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from fhir_service.search.units import conversion

_LONGEST = 60
_ANNOTATION = re.compile(r"\{[\x21-\x7a|~]+\}")


@lru_cache(maxsize=4096)
def is_unit(code: str) -> bool:
    """Case-sensitive codes such as `mL`, `[IU]/L`, `{score}`; a print such as `cc` is none."""
    if len(code) > _LONGEST:
        return False
    return bool(_ANNOTATION.fullmatch(code)) or conversion(code) is not None or _parses(code)


def _parses(code: str) -> bool:
    """Units that are in no proportion to others (`[pH]`)."""
    try:
        _parser().parse(code)
    except Exception:  # the parser raises errors of another library; each means the unit is not known
        return False
    return True


@cache
def _parser() -> Any:
    from ucumvert import get_ucum_parser  # noqa: PLC0415  # takes a second, and few need it

    return get_ucum_parser()
