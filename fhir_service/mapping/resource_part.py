"""A part of a resource as a client sent it, read with care: every error names the place."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.syntax import Position
from fhir_service.mapping.term_text import UNPRINTABLE

_BAD = re.compile(r"[\ud800-\udfff\x00]")


class Part:
    """A JSON object and its path. Every method raises MappingError."""

    def __init__(self, value: Mapping[str, Any], path: str) -> None:
        self.value, self.path = value, path
        self.position = Position(path=path)

    def refuse(self, problem: str, key: str | None = None) -> NoReturn:
        """Raises the error, at an element of it if one is named."""
        raise MappingError(problem, path=self.path if key is None else f"{self.path}.{key}")

    def only(self, *keys: str) -> None:
        """Refuse what is unknown, since leaving it out could change what the map does."""
        for key in self.value:
            if not isinstance(key, str) or key.removeprefix("_") not in (*keys, "id", "extension"):
                self.refuse(f"a StructureMap has no element {_show(key)} here, or it cannot be run")

    def text(self, key: str) -> str | None:
        """A text, None where there is none."""
        found = self.value.get(key)
        if found is None:
            return None
        if not isinstance(found, str) or not found.strip() or _BAD.search(found):
            self.refuse(f"a text is wanted, {_show(found)} was given", key)
        return found

    def required(self, key: str) -> str:
        """A text that has to be there."""
        found = self.text(key)
        return found if found is not None else self.refuse("this is missing", key)

    def word(self, key: str) -> str | None:
        """A text that the mapping language can write as a name, None where there is none."""
        found = self.text(key)
        if found is not None and UNPRINTABLE.search(found):
            self.refuse("a name has no control characters", key)
        return found

    def at(self, key: str) -> Position:
        """The place of an element."""
        return Position(path=f"{self.path}.{key}")

    def code(self, key: str, codes: Collection[str]) -> str | None:
        """One of these codes, None where there is none."""
        found = self.text(key)
        if found is not None and found not in codes:
            self.refuse(f"one of {', '.join(codes)} is wanted, {_show(found)} was given", key)
        return found

    def url(self, key: str) -> str:
        """A URL that has to be there."""
        found = self.required(key)
        return (
            found
            if not UNPRINTABLE.search(found) and not re.search(r"\s", found)
            else self.refuse("this is no url", key)
        )

    def number(self, key: str) -> int | None:
        """A whole number from 0, None where there is none."""
        found = self.value.get(key)
        if found is None:
            return None
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 10**9:
            self.refuse(f"a whole number is wanted, {_show(found)} was given", key)
        return found

    def items(self, key: str) -> list[Any]:
        """A list; empty where there is none."""
        found = self.value.get(key)
        if found is None:
            return []
        return found if isinstance(found, list) else self.refuse(f"a list is wanted, {_show(found)} was given", key)

    def parts(self, key: str) -> list[Part]:
        """The objects of a list; empty where there is none."""
        items = self.items(key)
        return [self.part(item, f"{key}[{index}]") for index, item in enumerate(items)]

    def part(self, value: Any, key: str) -> Part:
        """An object below."""
        if not isinstance(value, dict):
            self.refuse(f"an object is wanted, {_show(value)} was given", key)
        return Part(value, f"{self.path}.{key}")

    def extension(self, url: str, beside: Any = None, value: str = "valueString") -> Any:
        """The value of an extension of this part, or of what stands beside one of its primitives; None for none."""
        given = (self.value if beside is None else beside).get("extension")
        for entry in given if isinstance(given, list) else []:
            if isinstance(entry, dict) and entry.get("url") == url:
                return entry.get(value)
        return None

    def beside(self, key: str) -> Mapping[str, Any]:
        """What stands beside a primitive, under its name with `_`; empty where there is nothing."""
        found = self.value.get("_" + key)
        if found is None:
            return {}
        return found if isinstance(found, dict) else self.refuse("an object is wanted", "_" + key)


def decimal(part: Part, key: str) -> Decimal | None:
    """A decimal, None where there is none. Raises MappingError."""
    found = part.value.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float | Decimal):
        part.refuse(f"a number is wanted, {_show(found)} was given", key)
    if isinstance(found, int) and not -(10**30) < found < 10**30:
        part.refuse("this number is out of range", key)
    value = found if isinstance(found, Decimal) else Decimal(str(found))
    if not value.is_finite() or not -30 <= int(value.as_tuple().exponent) <= 30 or abs(value) >= Decimal(10) ** 30:
        part.refuse("this number is out of range", key)
    return value


def _show(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, str):
        return value[:40].encode("utf-8", "replace").decode()
    return "null" if value is None else "a truth value" if isinstance(value, bool) else "a number"
