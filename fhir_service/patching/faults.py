"""Why a patch cannot be done."""

from __future__ import annotations


class PatchFault(Exception):
    """An operation that this resource does not allow; whoever knows its number says which one."""
