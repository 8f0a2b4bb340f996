"""Who can reach the service: without access control, only programs on this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection


class OpenExposure(ValueError):
    """The service would be open to other machines."""


def refuse_open_exposure(host: str, proxies: Collection[str] = (), access: str = "open") -> None:
    """Raises OpenExposure unless `host` is a loopback address or `localhost`, and no proxy stands before it; or nobody
    gets in without a token."""
    if access != "open":
        return
    if proxies:
        raise OpenExposure(
            "a proxy opens the service to other machines (setting trusted_proxies), and access control is not set up: "
            "set FHIR_SERVICE_ACCESS=smart (docs/howto/access.md)"
        )
    if not is_loopback(host):
        raise OpenExposure(
            f"{host or 'an empty host'} can be reached from other machines, and access control is not set up: "
            "listen on 127.0.0.1 (the default), ::1 or localhost, or set FHIR_SERVICE_ACCESS=smart "
            "(docs/howto/access.md)"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`. A name other than `localhost` may resolve to anything."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
