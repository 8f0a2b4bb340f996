"""The commands `clients add`, `clients list` and `clients revoke`: who may ask for tokens."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service.cli.console import errors, settings_or_stop, stop, with_repository

if TYPE_CHECKING:
    from fhir_service.storage.clients import Client

app = typer.Typer(
    no_args_is_help=True,
    help="Programs that may ask for access tokens (SMART Backend Services; docs/howto/access.md). Only public keys are "
    "stored.",
)


@app.command()
def add(
    client_id: Annotated[str, typer.Argument(help="Id of the client: `iss` and `sub` of what it signs.")],
    scope: Annotated[
        list[str], typer.Option(help="What it may ask for: `system/Patient.rs`, `system/*.read`; repeatable.")
    ],
    *,
    name: Annotated[str, typer.Option(help="Who that is, for people.")] = "",
    jwks_url: Annotated[
        str, typer.Option("--jwks-url", help="Where its public keys are; a host of FHIR_SERVICE_JWKS_HOSTS.")
    ] = "",
    jwks: Annotated[
        Path | None, typer.Option("--jwks", help="File with its public keys (a JWKS).", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Register a client."""
    from fhir_service.storage.clients import Client
    from fhir_service.workflows.fetch_json import AllowedHosts
    from fhir_service.workflows.register_client import register_client

    settings = settings_or_stop()
    allowed = AllowedHosts(frozenset(settings.jwks_hosts), frozenset(settings.jwks_private_hosts))
    keys = _read(jwks) if jwks is not None else ""
    client = Client(client_id, name, " ".join(scope), jwks_url, keys)
    with_repository(settings, lambda repository: register_client(repository.clients, client, allowed))
    errors.print(f"{client_id} is registered for {client.scopes}")


@app.command("list")
def list_clients(
    *, as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a client, on stdout.")] = False
) -> None:
    """List the clients, revoked ones included."""
    for one in with_repository(settings_or_stop(), lambda repository: repository.clients.all()):
        typer.echo(json.dumps(_told(one)) if as_json else _line(one))


@app.command()
def revoke(client_id: Annotated[str, typer.Argument(help="Id of the client.")]) -> None:
    """End the access of a client: it gets no token any more, and those it has are refused within a second."""
    with_repository(settings_or_stop(), lambda repository: repository.clients.revoke(client_id))
    errors.print(f"{client_id} is revoked")


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as fault:
        stop(f"{file} cannot be read ({type(fault).__name__})")


def _told(client: Client) -> dict[str, str | None]:
    revoked = None if client.revoked is None else _instant(client.revoked)
    keys = client.jwks_url or "inline"
    told = {"id": client.id, "name": client.name, "scopes": client.scopes, "keys": keys}
    return {**told, "created": _instant(client.created), "revoked": revoked}


def _line(client: Client) -> str:
    state = f"revoked {_instant(client.revoked)}" if client.revoked is not None else "active"
    return "\t".join((client.id, state, client.scopes, client.jwks_url or "inline keys", client.name)).rstrip()


def _instant(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
