"""Another server is asked only where the settings allow it, and never in the own network by a trick."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from key_server import KeyServer, key_server

from fhir_service.workflows import fetch_json as module
from fhir_service.workflows.fetch_json import AllowedHosts, NotFetched, check_url, fetch_json, is_public

ALLOWED = AllowedHosts(frozenset({"keys.example.org", "127.0.0.1"}), frozenset({"localhost", "inside.example.org"}))


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example.org/jwks",
        "http://keys.example.org/jwks",
        "ftp://keys.example.org/jwks",
        "https://user:secret@keys.example.org/jwks",
        "https://keys.example.org@evil.example.org/jwks",
        "https://keys.example.org.evil.example.org/",
        "https://keys.example.org/#part",
        "https://keys.example.org/a b",
        "https://keys.example.org/\r\nX: y",
        "https://keys.example.org:port/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "file:///etc/passwd",
        "keys.example.org",
        "",
    ],
)
def test_a_url_that_is_not_allowed_is_not_asked(url: str) -> None:
    with pytest.raises(NotFetched):
        fetch_json(url, ALLOWED)


def test_a_url_of_a_host_that_is_allowed_may_be_asked() -> None:
    assert check_url("https://Keys.Example.org:8443/jwks?a=b", ALLOWED).port == 8443


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("::1", "fe80::1", "fc00::1", "::ffff:10.0.0.1", "2002:0a00:0001::", "64:ff9b::a00:1", "ff02::1", "::"),
        *("::127.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b:1::a00:1", "fec0::1"),
    ],
)
def test_an_address_that_is_not_of_the_internet_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"]])
def test_a_name_with_a_private_address_is_not_asked(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    def looked_up(_host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(module.socket, "getaddrinfo", looked_up)
    monkeypatch.setattr(module.socket, "create_connection", lambda *_, **__: pytest.fail("it was asked"))
    with pytest.raises(NotFetched, match="private address"):
        fetch_json("https://keys.example.org/jwks", ALLOWED)


def test_without_tls_only_loopback_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("10.0.0.1", 80))])
    with pytest.raises(NotFetched, match="https"):
        fetch_json("http://inside.example.org/jwks", ALLOWED)


@pytest.mark.parametrize(
    ("cache_control", "age"),
    [("", 300), ("max-age=60", 60), ("public, max-age=99999999", 86400), ("no-store", 0), ("max-age=9, no-cache", 0)],
)
def test_a_document_may_be_kept_as_long_as_its_server_says(keys: KeyServer, cache_control: str, age: float) -> None:
    keys.body, keys.headers = b"{}", {"Cache-Control": cache_control} if cache_control else {}
    fetched = fetch_json(keys.url, ALLOWED)
    assert (fetched.body, fetched.age) == (b"{}", age)
    ((path, headers),) = keys.asked
    assert (path, headers["accept"], headers["host"]) == ("/jwks.json", "application/json", f"localhost:{keys.port}")


@pytest.mark.parametrize("status", [302, 401, 404, 500])
def test_any_other_answer_is_none(keys: KeyServer, status: int) -> None:
    keys.status, keys.headers = status, {"Location": "http://localhost:1/"}
    with pytest.raises(NotFetched, match=str(status)):
        fetch_json(keys.url, ALLOWED)
    assert len(keys.asked) == 1


def test_an_answer_that_is_too_large_or_never_ends_is_given_up(
    keys: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.body = b" " * 300_000
    with pytest.raises(NotFetched, match="more than"):
        fetch_json(keys.url, ALLOWED)
    monkeypatch.setattr(module, "_SECONDS", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(NotFetched):
            fetch_json(f"http://localhost:{silent.getsockname()[1]}/", ALLOWED)
