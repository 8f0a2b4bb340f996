"""The command `audit prune`: how long it is remembered who has seen what."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service.cli.console import errors, settings_or_stop, stop, with_repository

if TYPE_CHECKING:
    from fhir_service.storage.repository import Repository

app = typer.Typer(no_args_is_help=True, help="AuditEvents: who has seen what (docs/howto/audit.md).")


@app.callback()
def audit() -> None:
    """AuditEvents: who has seen what."""


@app.command()
def prune(
    before: Annotated[str, typer.Option(help="A day or an instant: what was recorded earlier is removed for good.")],
) -> None:
    """Remove old AuditEvents. That it was done is an AuditEvent itself.

    Nothing else removes or changes one. The service may run meanwhile.
    """
    from fhir_service.search.dates import date_range
    from fhir_service.workflows.record_accesses import prune_accesses

    try:
        earlier = date_range(before).low
    except ValueError:
        stop(f"--before wants a day such as 2020-01-31, or an instant, not '{before[:80]}'")

    async def work(repository: Repository) -> int:
        return await prune_accesses(repository.accesses, earlier)

    removed = with_repository(settings_or_stop(), work)
    errors.print(f"{removed} AuditEvents from before {before} are removed.")
