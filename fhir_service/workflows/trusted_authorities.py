"""Whose certificates this machine trusts."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def authorities() -> ssl.SSLContext:
    """Those of the system, its owner's included; TLS 1.2 at least. To read them takes 30 ms, so it is done once."""
    return ssl.create_default_context()
