"""What can be wrong with a StructureDefinition; the text names the profile and the element."""

from __future__ import annotations


class BrokenProfile(Exception):
    """A StructureDefinition that cannot be used as it is."""


class UnknownProfile(Exception):
    """No such StructureDefinition is known here."""
