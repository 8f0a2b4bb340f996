"""Index values and criteria as terms and scopes, and those as 64-bit hashes: what the store indexes and looks up.

A *term* names the resource type, the parameter and one way to ask for a value, so one look-up answers one alternative.
A *scope* names what a stored number, date, text or link belongs to; the value itself stands beside it. Codes are
compared without case, systems, references and URIs exactly (rest-rules TOK-1, TOK-3, REF-1, URI-1).

What is indexed and what is asked for are written by the same functions; nothing else ties the two together.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Literal, Protocol

_SEPARATOR = "\x1f"
"""No FHIR string may hold it, so no two terms can be written alike."""

TextVariant = Literal["string", "text", "uri"]
"""`string`: folded, for a string search; `text`: folded, what `:text` on a token searches; `uri`: as it is written."""


class Indexed(Protocol):
    """What has terms."""

    @property
    def terms(self) -> tuple[str, ...]: ...


@lru_cache(maxsize=65536)
def hash_of(term: str) -> int:
    """The signed 64-bit hash of a term or scope; the same in every process and release."""
    return int.from_bytes(blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True)


class HashOfBeginning:
    """The hash of all terms that begin alike, as far as it can be known."""

    __slots__ = ("_begun",)

    def __init__(self, beginning: str) -> None:
        self._begun = blake2b(beginning.encode(), digest_size=8)

    def with_end(self, end: bytes) -> int:
        """What `hash_of` gives for the whole."""
        whole = self._begun.copy()
        whole.update(end)
        return int.from_bytes(whole.digest(), "big", signed=True)


def hashes_of(values: Indexed) -> tuple[int, ...]:
    """The hashes under which a resource is indexed, ascending."""
    return tuple(sorted({hash_of(term) for term in values.terms}))


def presence_term(resource_type: str, parameter: str) -> str:
    """Some value is there (`:missing=false`)."""
    return _SEPARATOR.join((resource_type, parameter))


def code_term(resource_type: str, parameter: str, code: str) -> str:
    """`code`: in any system or none."""
    return _SEPARATOR.join((resource_type, parameter, "code", code.casefold()))


def token_term(resource_type: str, parameter: str, system: str | None, code: str) -> str:
    """`system|code`, or `|code` where `system` is None."""
    kind = "bare" if system is None else "token"
    return _SEPARATOR.join((resource_type, parameter, kind, system or "", code.casefold()))


def system_term(resource_type: str, parameter: str, system: str) -> str:
    """`system|`: any code of it."""
    return _SEPARATOR.join((resource_type, parameter, "system", system))


def identifier_of(parameter: str) -> str:
    """The name under which the identifiers of references are tokens (`:identifier`): for `code_term`, `token_term` and
    `system_term` in place of the parameter."""
    return f"{parameter}:identifier"


def below_of(parameter: str) -> str:
    """The name under which stand the ranges a MIME type is in, and of a canonical the beginnings of its version
    (`:below`): for `code_term` and `reference_term` in place of the parameter."""
    return f"{parameter}:below"


def of_type_term(resource_type: str, parameter: str, system: str, code: str, value: str) -> str:
    """`:of-type=system|code|value`: an Identifier with a coding of its type, and its value."""
    return _SEPARATOR.join((resource_type, parameter, "of-type", system, code.casefold(), value.casefold()))


def reference_term(resource_type: str, parameter: str, target: str) -> str:
    """`Type/id`, an absolute URL, or a canonical with or without its version."""
    return _SEPARATOR.join((resource_type, parameter, "reference", target))


def id_term(resource_type: str, parameter: str, target_id: str) -> str:
    """A bare id of any type, where a parameter points at many."""
    return _SEPARATOR.join((resource_type, parameter, "id", target_id))


def exact_term(resource_type: str, parameter: str, text: str) -> str:
    """`:exact`: the whole string, as it is written."""
    return _SEPARATOR.join((resource_type, parameter, "exact", text))


def uri_term(resource_type: str, parameter: str, uri: str) -> str:
    """The whole URI; of a canonical with a version also the part before the bar."""
    return _SEPARATOR.join((resource_type, parameter, "uri", uri))


def composite_term(first: str, second: str) -> str:
    """Two components with these values on one element. Both are terms made with the code of the composite as their
    parameter: `code_term("Group", "characteristic-value", …)`."""
    return _SEPARATOR.join((first, "$", second))


def interval_scope(resource_type: str, parameter: str, unit: str = "") -> str:
    """Where dates, numbers and quantities stand.

    `unit` of a quantity: empty for the number alone; `|code or unit`; `ucum:` and base units for the value converted to
    these (see `search.units`), or `system|code` where it cannot be.
    """
    return _SEPARATOR.join((resource_type, parameter, "interval", unit))


def text_scope(resource_type: str, parameter: str, variant: TextVariant) -> str:
    """Where texts stand."""
    return _SEPARATOR.join((resource_type, parameter, variant))


def link_scope(resource_type: str, parameter: str) -> str:
    """Where references to resources of this server stand. The parameter is `IndexedParameter.indexed_as`."""
    return _SEPARATOR.join((resource_type, parameter, "link"))


def parameter_of(term: str) -> str:
    """The parameter that a term or scope belongs to."""
    return term.split(_SEPARATOR, 2)[1]


def reference_term_of_link(scope: str, target: str) -> str:
    """The term that a resource has which points at `Type/id` under a scope of links."""
    resource_type, parameter, _ = scope.split(_SEPARATOR)
    return reference_term(resource_type, parameter, target)


def composite_scope(first: str, scope: str) -> str:
    """Where the second component stands, a number, date or text, of elements whose first has this term. Both are made
    with the code of the composite as their parameter."""
    return _SEPARATOR.join((first, "$", scope))
