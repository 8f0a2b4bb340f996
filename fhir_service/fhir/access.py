"""What a caller may see; every call of the repository takes one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Access:
    """Resource types a caller may read and write; None stands for all of them."""

    readable: frozenset[str] | None = None
    writable: frozenset[str] | None = None
    fixed: frozenset[tuple[str, str]] = frozenset()
    """Type and id of resources that come with the service: the caller reads them and does not change them."""
    client_id: str = ""
    """Who it is; empty where nobody has to say."""

    def may_read(self, resource_type: str) -> bool:
        return self.readable is None or resource_type in self.readable

    def may_write(self, resource_type: str) -> bool:
        return self.writable is None or resource_type in self.writable


OPEN = Access()
"""Everything: the shell, and a service that listens on loopback only."""
