"""The command `export`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for httpx and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, TaskID

from fhir_service.cli.console import errors, progress_bar, settings_or_stop, stop, with_repository

if TYPE_CHECKING:
    from fhir_service.storage.repository import Repository
    from fhir_service.workflows.bulk_client.exported import Export, Watcher
    from fhir_service.workflows.bulk_client.ledger import Ledger
    from fhir_service.workflows.bulk_client.wanted import Wanted

_LAST = "last"


def export(
    folder: Annotated[Path, typer.Argument(help="Where the files go, and `exports.ndjson` that says what is there.")],
    *,
    server: Annotated[
        str,
        typer.Option(help="FHIR base of a server to fetch from; the store of the settings without it.", metavar="URL"),
    ] = "",
    client_id: Annotated[str, typer.Option(help="Id that the server knows this client by.")] = "",
    key: Annotated[
        Path | None, typer.Option(help="File with its private key (JWK, JWKS or PEM; RSA or P-384).", dir_okay=False)
    ] = None,
    kid: Annotated[str, typer.Option(help="Id of the key, where the file does not say it.")] = "",
    scope: Annotated[str, typer.Option(help="Scope to ask for; all reading without it.")] = "",
    trust: Annotated[
        list[str] | None,
        typer.Option(help="A further origin that may have the token, such as https://files.example.org."),
    ] = None,
    group: Annotated[str, typer.Option(help="Id of a Group: only its members.")] = "",
    patients: Annotated[bool, typer.Option("--patients", help="Only what is about patients.")] = False,
    patient: Annotated[
        list[str] | None, typer.Option(help="Id of a Patient: only these, of the Group where one is named; repeatable.")
    ] = None,
    resource_type: Annotated[
        list[str] | None, typer.Option("--type", help="A resource type (`_type`); repeatable.")
    ] = None,
    type_filter: Annotated[
        list[str] | None, typer.Option(help="A search such as `Observation?code=x` (`_typeFilter`); repeatable.")
    ] = None,
    element: Annotated[list[str] | None, typer.Option(help="A root element (`_elements`); repeatable.")] = None,
    since: Annotated[
        str, typer.Option(help="Only what changed after an instant, or after the `last` export into this folder.")
    ] = "",
    until: Annotated[str, typer.Option(help="Only what changed before an instant.")] = "",
    parallel: Annotated[int, typer.Option(help="Files that are fetched at the same time.", min=1, max=32)] = 4,
    wait: Annotated[float, typer.Option(help="Longest wait for the export to be complete, in hours.")] = 24.0,
    anew: Annotated[bool, typer.Option("--anew", help="Give up the unfinished export in this folder.")] = False,
) -> None:
    """Export the store, or another server, into a folder: a type in each file (NDJSON).

    Interrupted, the same command goes on where it was. `--since last` brings what changed since the last export, into a
    folder of its own, with what was deleted. The exit code is 1 where the server tells of errors in the export.
    """
    from fhir_service.workflows.bulk_client.client_key import read_client_key
    from fhir_service.workflows.bulk_client.errors import NotExported
    from fhir_service.workflows.bulk_client.fetch_export import Server, fetch_export
    from fhir_service.workflows.bulk_client.ledger import Ledger
    from fhir_service.workflows.bulk_client.pace import Pace
    from fhir_service.workflows.bulk_client.wanted import Wanted

    if bool(client_id) is not bool(key):
        stop("--client-id and --key go together")
    if key is not None and not server:
        stop("--client-id and --key are for a --server")
    if group and patients:
        stop("--group is of patients already; leave --patients out")
    try:
        signer = read_client_key(key.read_bytes(), kid) if key is not None else None
        asker = Server(server, client_id, signer, scope, tuple(trust or ()))
        ledger = Ledger(folder)
    except NotExported as error:
        stop(f"{key}: {error}")
    except BlockingIOError:
        stop(f"another export into {folder} is under way")
    except OSError as error:
        stop(f"{error.filename or folder}: it cannot be used ({error.strerror})")
    wanted = Wanted(
        group=group,
        patients=patients,
        named=tuple(patient or ()),
        types=tuple(resource_type or ()),
        filters=tuple(type_filter or ()),
        elements=tuple(element or ()),
        since=_instant(since, ledger),
        until=_instant(until, ledger),
    )

    def run(watcher: Watcher) -> Export:
        if not server:
            return _here(wanted, ledger, watcher, anew)
        pace = Pace(in_all=wait * 3600)
        return asyncio.run(fetch_export(asker, wanted, ledger, watcher, pace, parallel=parallel, anew=anew))

    _shown(run, ledger)


def _instant(text: str, ledger: Ledger) -> str:
    from fhir_service.fhir.primitives import is_instant

    if text == _LAST:
        text = ledger.last_time
        if not text:
            stop(f"{ledger.folder} has no complete export yet; begin with one without --since")
    if text and not is_instant(text):
        stop(f"'{text}' is no instant such as 2026-01-31T12:00:00Z")
    return text


def _here(wanted: Wanted, ledger: Ledger, watcher: Watcher, anew: bool) -> Export:
    from fhir_service.workflows.export_here import Here, export_here

    settings = settings_or_stop()

    async def work(repository: Repository) -> Export:
        here = Here(repository, settings.resource_types, settings.own_address, settings.job_settings)
        return await export_here(here, wanted, ledger, watcher, anew=anew)

    return with_repository(settings, work)


def _shown(run: Callable[[Watcher], Export], ledger: Ledger) -> None:
    """Do it with a bar, and tell what came of it."""
    from fhir_service.workflows.bulk_client.errors import NotExported

    try:
        with progress_bar() as progress:
            done = run(_Bar(progress))
    except NotExported as error:
        stop(f"not exported: {error}")
    except OSError as error:
        stop(f"{error.filename or ledger.folder}: it cannot be written ({error.strerror})")
    except KeyboardInterrupt:
        errors.print("Stopped before the end; the same command goes on from here.")
        raise typer.Exit(130) from None
    finally:
        ledger.close()
    _print(done)


class _Bar:
    """How far it is, in one line of the terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("Begun", total=None)
        self._came: dict[str, int] = {}

    def waits(self, progress: str, done: int = 0, parts: int | None = None) -> None:
        text = f"The export is made{': ' + progress if progress else ''}"
        self._progress.update(self._task, description=text, completed=done, total=parts)

    def fetches(self, files: int, resources: int | None) -> None:
        self._progress.update(self._task, description=f"Fetching {files:,} files", total=resources)

    def came(self, file: str, resources: int) -> None:
        self._came[file] = resources
        self._progress.update(self._task, completed=sum(self._came.values()))


def _print(done: Export) -> None:
    total = sum(done.counts.values())
    errors.print(
        f"{total:,} {'resource' if total == 1 else 'resources'} as of {done.transaction_time} in {done.folder}"
    )
    for kind, count in sorted(done.counts.items()):
        errors.print(f"  {count:,} {kind}")
    if done.deleted:
        errors.print(f"  {done.deleted:,} deleted")
    for severity, count in done.issues.most_common():
        errors.print(f"  {count:,} × {severity}, told in {done.folder / 'error'}")
    raise typer.Exit(1 if done.issues["error"] or done.issues["fatal"] else 0)
