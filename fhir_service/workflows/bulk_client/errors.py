"""Why an export is not fetched, each a sentence for whoever asked for it."""

from __future__ import annotations


class NotExported(Exception):
    """It is not done; what was fetched so far stays, and counts when it is asked for again."""


class UnusableKey(NotExported):
    """The file holds no private key that an assertion can be signed with."""


class NotTrusted(NotExported):
    """The server names an address that the client does not go to, or not with its token."""


class Refused(NotExported):
    """The server does not do it. `status` is that of its answer."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Lost(Refused):
    """The server has the export no longer, or failed at it: there is nothing to go on with."""


class BrokenAnswer(NotExported):
    """The server answers what it may not, or nothing at all."""


class BadFile(BrokenAnswer):
    """A file that cannot be right, however often it is fetched."""


class StillRunning(NotExported):
    """The export takes longer than the client waits."""


class OtherExport(NotExported):
    """The folder holds another export than the one that is asked for."""


class CutOff(Exception):
    """A file broke off; it goes on from where it is."""
