"""The codes that an operation is asked about: code with system, Coding, or CodeableConcept, exactly one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_service.api.operation_input import Input
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.fhir.parameters import Parameters
from fhir_service.terminology.code_validation import Coding

CODE = Input("code", "Code", "The code; `system` goes with it")
SYSTEM = Input("system", "Uri", "The code system of `code`")
DISPLAY = Input("display", "String", "What `code` is called; checked where it is given")
CODING = Input("coding", "Coding", "A coding")
CONCEPT = Input("codeableConcept", "CodeableConcept", "A concept; one of its codings has to be right")


def coded_input(
    asked: Parameters,
    *,
    system: str = "system",
    version: str = "version",
    coding: str = "coding",
    code: str = "code",
    any_system: bool = False,
) -> list[Coding]:
    """The codings that are asked about; the names are those of the operation's inputs. With `any_system` a code may
    stand without its system.

    Raises InvalidParameter where there is none, more than one way, or a code without system.
    """
    given = [name for name in (code, coding, "codeableConcept") if name in asked]
    if len(given) != 1:
        text = (
            f"give one of {code} (with {system}), {coding} and codeableConcept; there is {', '.join(given) or 'none'}"
        )
        raise InvalidParameter(text, expression=tuple(asked.place(name) for name in given or (code,)))
    place = asked.place(given[0])
    if given[0] == code:
        found = Coding(asked.text(system), asked.text(code), asked.text("display"), asked.text(version))
        if not found.system and not any_system:
            raise InvalidParameter(f"{code} needs {system}, its code system", expression=(asked.place(system),))
        return [found]
    value = _object(asked.value(given[0]), place)
    if given[0] == coding:
        return [_coding(value, place, any_system)]
    codings = value.get("coding")
    if not isinstance(codings, list) or not codings:
        raise InvalidParameter("codeableConcept has no coding; text alone cannot be checked", expression=(place,))
    return [
        _coding(_object(entry, place), f"{place}.coding[{number}]", any_system) for number, entry in enumerate(codings)
    ]


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidParameter("a coding or concept is an object", expression=(place,))
    return value


def _coding(value: Mapping[str, Any], place: str, any_system: bool) -> Coding:
    texts = {}
    for name in ("system", "code", "display", "version"):
        text = value.get(name, "")
        if not isinstance(text, str):
            raise InvalidParameter(f"{name} of a coding has to be a text", expression=(f"{place}.{name}",))
        texts[name] = text
    missing = next(
        (name for name in ("code", "system") if not texts[name] and not (any_system and name == "system")), ""
    )
    if missing:
        raise InvalidParameter(f"a coding needs its {missing}", expression=(f"{place}.{missing}",))
    return Coding(**texts)
