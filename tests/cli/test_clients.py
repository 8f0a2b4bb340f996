"""`fhir-service clients`: who may have tokens."""

from __future__ import annotations

import json

import pytest
from smart_client import EC, JWKS
from typer.testing import CliRunner

from fhir_service.cli.commands import command_line


@pytest.fixture
def clients(tmp_path, monkeypatch):
    """Runs the command over a database of its own."""
    monkeypatch.setenv("FHIR_SERVICE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'store.db'}")
    monkeypatch.setenv("FHIR_SERVICE_JWKS_HOSTS", "hospital.example.org")
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(JWKS))

    def run(*arguments: str):
        return CliRunner().invoke(command_line(), ["clients", *[one.replace("KEYS", str(keys)) for one in arguments]])

    return run


def test_a_client_is_registered_listed_and_revoked(clients) -> None:
    url = "https://hospital.example.org/jwks.json"
    added = clients("add", "a", "--jwks", "KEYS", "--scope", "system/*.read", "--name", "Researcher")
    assert added.exit_code == 0, added.output
    assert (
        clients("add", "b", "--jwks-url", url, "--scope", "system/Patient.rs", "--scope", "system/Group.r").exit_code
        == 0
    )
    assert clients("revoke", "b").exit_code == 0
    first, second = map(json.loads, clients("list", "--json").stdout.splitlines())
    assert (first["id"], first["name"], first["scopes"], first["keys"]) == (
        "a",
        "Researcher",
        "system/*.read",
        "inline",
    )
    assert first["revoked"] is None
    assert (second["keys"], second["scopes"]) == (url, "system/Patient.rs system/Group.r")
    assert second["revoked"] >= second["created"]
    assert "a\tactive\tsystem/*.read\tinline keys\tResearcher" in clients("list").stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("a", "--jwks", "KEYS", "--scope", "user/*.rs"), "system/… scopes only"),
        (("a", "--jwks", "KEYS", "--scope", "system/Nothing.rs"), "FHIR R4 has no Nothing"),
        (("a", "--jwks", "KEYS", "--scope", "system/Patient.rs?name:exact=a"), "no modifier"),
        (("a", "--scope", "system/*.rs"), "in one way"),
        (
            ("a", "--jwks", "KEYS", "--jwks-url", "https://hospital.example.org/", "--scope", "system/*.rs"),
            "in one way",
        ),
        (("a", "--jwks-url", "https://10.0.0.1/jwks", "--scope", "system/*.rs"), "not among the hosts"),
        (("a", "--jwks-url", "http://hospital.example.org/jwks", "--scope", "system/*.rs"), "no https"),
        (("a b", "--jwks", "KEYS", "--scope", "system/*.rs"), "id of a client"),
    ],
)
def test_a_client_that_could_never_get_a_token_is_refused(clients, arguments: tuple[str, ...], reason: str) -> None:
    done = clients("add", *arguments)
    assert done.exit_code == 2
    assert reason in done.stderr
    assert clients("list").stdout == ""


def test_a_private_key_is_not_taken(clients, tmp_path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [{**EC.as_dict(private=True), "kid": "a"}]}))
    done = clients("add", "a", "--jwks", "KEYS", "--scope", "system/*.rs")
    assert done.exit_code == 2
    assert "private key" in done.stderr


def test_an_id_is_not_used_twice_and_nobody_unknown_is_revoked(clients) -> None:
    adding = ("add", "a", "--jwks", "KEYS", "--scope", "system/*.rs")
    assert clients(*adding).exit_code == 0
    assert clients("revoke", "a").exit_code == 0
    assert clients(*adding).exit_code == 2
    assert clients("revoke", "nobody").exit_code == 2
