"""What a caller may do; every call of the repository takes one.

The letters are those of SMART's scopes (app launch 2.2.0): `c` create; `r` read, vread and the history of one resource;
`u` update and patch; `d` delete; `s` search, and the history of many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

Letter = Literal["c", "r", "u", "d", "s"]
EVERY_TYPE = "*"
BY_NAME = frozenset({"AuditEvent"})
"""Types that a grant has to name: who may see all data may not therefore see who else saw them."""


class Grant(NamedTuple):
    """Leave to do what `letters` say with resources of a type, `*` for all. With a `query` (`code=a&category=b`, as in
    a search) only with those that it finds."""

    letters: str
    type: str = EVERY_TYPE
    query: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """The grants of a caller together; None stands for leave to do everything."""

    grants: tuple[Grant, ...] | None = None
    fixed: frozenset[tuple[str, str]] = frozenset()
    """Type and id of resources that come with the service: the caller reads them and does not change them."""
    client_id: str = ""
    """Who it is; empty where nobody has to say."""
    context: str = ""
    """By what, and about whom, where one may come by several apps and for several patients."""
    base: str | None = None
    """The address by which the caller knows this server: what begins with it is a reference to a resource here."""

    def under(self, base: str) -> Access:
        """The same for a caller who knows this server by that address; it matters to search restrictions alone."""
        return replace(self, base=base) if self.grants and any(grant.query for grant in self.grants) else self

    @property
    def owner(self) -> str:
        """Whose that is what the caller begins, and asks for later."""
        return f"{self.client_id} {self.context}" if self.context else self.client_id

    def may(self, letter: Letter, resource_type: str) -> bool:
        """With some resources of the type at least."""
        if self.grants is None:
            return True
        for grant in self.grants:  # noqa: SIM110  # any() would take twice as long, and this is asked of every row
            if _covers(grant, letter, resource_type):
                return True
        return False

    def restriction(self, letter: Letter, resource_type: str) -> tuple[str, ...]:
        """The queries of which a resource has to be found by one; none where all of the type are meant. Only for what
        the caller `may` do."""
        if self.grants is None:
            return ()
        queries = [grant.query for grant in self.grants if _covers(grant, letter, resource_type)]
        return () if "" in queries else tuple(dict.fromkeys(queries))


def _covers(grant: Grant, letter: str, resource_type: str) -> bool:
    return letter in grant.letters and (
        grant.type == resource_type or (grant.type == EVERY_TYPE and resource_type not in BY_NAME)
    )


OPEN = Access()
"""Everything: the shell, and a service that listens on loopback only."""
NOBODY = Access(())
"""Nothing: who did not say who asks."""
