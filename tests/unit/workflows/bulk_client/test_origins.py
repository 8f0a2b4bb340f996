"""Where a server may send its client, and where the token goes."""

from __future__ import annotations

import httpx
import pytest

from fhir_service.workflows.bulk_client.errors import NotTrusted
from fhir_service.workflows.bulk_client.origins import Origins, origin, read_url

ORIGINS = Origins(httpx.URL("https://a.example.org/fhir"), frozenset({"https://files.example.org:443"}))


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://a.example.org/elsewhere", True),
        ("https://A.example.org:443/fhir/x", True),
        ("https://files.example.org/1?signature=x", True),
        ("https://a.example.org:8443/fhir", False),
        ("https://a.example.org.evil.example/fhir", False),
        ("https://evil.example/https://a.example.org/fhir", False),
        ("https://files.example.org:444/1", False),
    ],
)
def test_the_token_goes_to_the_origins_that_a_person_named(url: str, known: bool) -> None:
    found = ORIGINS.followed(url, "a file")
    assert ORIGINS.known(found) is known
    if known:
        assert ORIGINS.own(url, "a file") == found
    else:
        with pytest.raises(NotTrusted, match="--trust"):
            ORIGINS.own(url, "a file")


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example.org/fhir/1",  # would go without TLS from here on
        "ftp://a.example.org/1",
        "file:///etc/passwd",
        "//a.example.org/1",
        "a.example.org/1",
        "",
        "https://",
        "https://user:secret@a.example.org/1",
        "https://a.example.org@evil.example/1",
        "https://a.example.org/1#x",
        "https://a.example.org:port/1",
        "https://a.example.org/\x00",
    ],
)
def test_what_is_no_plain_address_is_not_gone_to(url: str) -> None:
    with pytest.raises(NotTrusted):
        ORIGINS.followed(url, "a file")


def test_a_person_may_name_a_server_without_tls_but_no_token_goes_there() -> None:
    for base, goes in (("http://10.0.0.1/fhir", False), ("http://127.0.0.1:8000/fhir", True), ("http://[::1]/", True)):
        origins = Origins(read_url(base, "--server"))
        assert origins.followed("http://elsewhere.example.org/1", "a file")
        if goes:
            origins.refuse_secrets_in_clear(origins.base)
        else:
            with pytest.raises(NotTrusted, match="https only"):
                origins.refuse_secrets_in_clear(origins.base)
    assert origin(read_url("http://localhost", "--server")) == "http://localhost:80"
