"""Without access control the service listens on this machine only."""

from __future__ import annotations

import pytest

from fhir_service.api.allowed_hosts import host_name
from fhir_service.api.exposure import OpenExposure, refuse_open_exposure


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_may_be_open(host: str) -> None:
    refuse_open_exposure(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.5", "registry.example.org", "localhost.example.org", "127.0.0.1:80"]
)
def test_everything_else_is_refused_with_a_reason(host: str) -> None:
    with pytest.raises(OpenExposure, match="access control"):
        refuse_open_exposure(host)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"localhost", "localhost"),
        (b"LocalHost:8000", "localhost"),
        (b"127.0.0.1:80", "127.0.0.1"),
        (b"[::1]:8000", "::1"),
        (b"[::1]", "::1"),
        (b"[::1", ""),
        (b"[::1]x", ""),
        (b"localhost:80x", ""),
        (b"a:b:c", ""),
        (b"", ""),
        (b"\xff", "ÿ"),
    ],
)
def test_the_name_in_a_host_header_is_read_without_its_port(header: bytes, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "registry.example.org", ""])
def test_with_access_control_any_host_is_listened_on(host: str) -> None:
    refuse_open_exposure(host, ("10.0.0.2",), "smart")
