"""What a row of the routing table needs, held against what a caller may do.

What is written is judged once more by the store, where it is known which resource and which content it is; so are reads
and searches under a search restriction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple

from fhir_service.fhir.access import EVERY_TYPE, Access, Letter
from fhir_service.fhir.errors import Forbidden
from fhir_service.search.criteria import Include
from fhir_service.search.parameters import indexed_parameters
from fhir_service.search.query import Query
from fhir_service.search.query_text import Pairs
from fhir_service.search.restrictions import is_restricted, reached_types

_VERBS: dict[Letter, str] = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}


class Needs(NamedTuple):
    """Leave to do all that `letters` say with resources of the type in the path, or with those of `types`.

    `of`: with resources of the type that is searched in a compartment (`member`), or of some type at least (`some`).
    With `whole` a search restriction is too little. Not `token`: nobody has to say who asks. With `link` a signed link
    does instead, which whoever answers looks at.
    """

    letters: tuple[Letter, ...] = ()
    types: tuple[str, ...] = ()
    of: Literal["type", "member", "some"] = "type"
    whole: bool = False
    token: bool = True
    link: bool = False


PUBLIC = Needs(token=False)
TOKEN = Needs()
"""A good token and nothing else: what is asked for is judged piece by piece, or it is the caller's own."""
TOKEN_OR_LINK = Needs(link=True)
TO_READ, TO_SEARCH = Needs(("r",)), Needs(("s",))


def refuse_uncovered(needs: Needs | None, access: Access, resource_type: str, member: str) -> None:
    """Raises Forbidden; also where nobody has said what is needed."""
    if access.grants is None:
        return
    if needs is None:
        raise Forbidden("this cannot be called with a token yet")
    some = needs.of == "some" or (needs.of == "member" and member == EVERY_TYPE)
    for letter in needs.letters:
        if some:
            if not any(letter in grant.letters for grant in access.grants):
                raise Forbidden(f"the scope of the token does not allow to {_VERBS[letter]} anything")
            continue
        for kind in needs.types or (member if needs.of == "member" else resource_type,):
            require(access, letter, kind, whole=needs.whole)


def require(access: Access, letter: Letter, resource_type: str, *, whole: bool = False) -> None:
    """Raises Forbidden."""
    if not access.may(letter, resource_type):
        raise Forbidden(f"the scope of the token does not allow to {_VERBS[letter]} {resource_type}")
    if whole and is_restricted(access, letter, resource_type):
        raise Forbidden(f"this needs leave to {_VERBS[letter]} every {resource_type}, not only some")


def searched_types(access: Access, types: Sequence[str], pairs: Pairs) -> Sequence[str]:
    """Those of several types that the caller may search. Raises Forbidden where `_type` names another, or there is
    none."""
    if access.grants is None or len(types) == 1:
        return types
    named = {part.strip() for name, value in pairs if name == "_type" for part in value.split(",")}
    for kind in sorted(named.intersection(types)):
        require(access, "s", kind)
    found = [kind for kind in types if access.may("s", kind)]
    if not found:
        raise Forbidden("the scope of the token does not allow to search any of these types")
    return found


def refuse_reaching_out(query: Query, access: Access) -> None:
    """Raises Forbidden for a chain, `_has` or include that names what the caller may not search. An include that may
    bring several types brings those that the caller may search."""
    if access.grants is None:
        return
    for kind in sorted(reached_types(query.criteria)):
        require(access, "s", kind)
    for include in query.includes:
        if include.source != EVERY_TYPE:
            require(access, "s", include.source)
        if not include.reverse:
            _require_one(access, _targets(include))


def _require_one(access: Access, kinds: Collection[str]) -> None:
    if kinds and not any(access.may("s", kind) for kind in kinds):
        raise Forbidden(f"the scope of the token does not allow to search {_named(kinds)}, which would be included")


def _targets(include: Include) -> Collection[str]:
    """The types that an include may bring; none: any."""
    if include.target:
        return (include.target,)
    if EVERY_TYPE in (include.source, include.parameter):
        return ()
    return indexed_parameters(include.source)[include.parameter].targets


def _named(kinds: Iterable[str]) -> str:
    return " or ".join(sorted(kinds)[:5])
