"""The command `serve`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import contextlib
import gc
import os
import socket
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service import __version__
from fhir_service.cli.console import errors, settings_or_stop, stop, with_repository

if TYPE_CHECKING:
    from fhir_service.settings import Settings

_SWITCH_SECONDS = 0.001
"""So long a thread that wants the interpreter waits while the event loop has it; Python's own 5 ms are the time of many
requests."""
_GARBAGE = 20_000, 20, 20
"""Requests leave hardly any circles behind. With Python's own 700 objects the collector takes 3 % of the time, and
looks through all that was kept since the start every few seconds, for 15 to 30 ms in which nobody is answered."""
_OWN_FILES = 500
_ACCESS = {
    "open": "WARNING: access is open. Every program on this machine may read and change everything.",
    "smart": "Access is by tokens (SMART Backend Services); `fhir-service clients` registers who may have them.",
}


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; without access control loopback only.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", min=0, max=65535)] = None,
    workers: Annotated[int, typer.Option(help="Processes that serve; several want PostgreSQL.", min=1)] = 1,
) -> None:
    """Serve the store as a FHIR R4 REST API at /fhir.

    Stopped by Ctrl-C or SIGTERM it ends the requests that run, and takes no others.

    Without access control (FHIR_SERVICE_ACCESS) only this machine may ask: a host that is not loopback is refused.
    """
    gc.disable()  # until all is read: it stays for good, and to look for garbage among it takes a tenth of the start
    from fhir_service.api.auth.tokens import token_key
    from fhir_service.api.exposure import refuse_open_exposure
    from fhir_service.api.log_lines import log_as_json
    from fhir_service.cli.serving_processes import SeveralProcesses
    from fhir_service.workflows.export_files import ExportFiles, UnusableFiles
    from fhir_service.workflows.publish_definitions import publish_definitions

    settings = settings_or_stop()
    host, port = host or settings.host, settings.port if port is None else port
    try:
        refuse_open_exposure(host, settings.trusted_proxies, settings.access)
        token_key(settings.token_key_file)
        _refuse_workers(workers, settings)
        listener = _listener(host, port, shared=workers > 1)
    except ValueError as error:
        stop(str(error))
    if settings.run_jobs:
        try:
            ExportFiles(settings.export_files)
        except UnusableFiles as error:
            stop(str(error))
    # What is wrong with the store is told before anything is served.
    contact = settings.registry_contact
    with_repository(settings, lambda repository: publish_definitions(repository, settings.base, contact))
    address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    errors.print(
        f"fhir-service {__version__} on {address} (Ctrl-C stops it)\n"
        f"  {address}/              what is here\n"
        f"  {address}/fhir/metadata what this server can do\n"
        f"  {address}/fhir/Patient  the patients\n"
        f"  {address}/docs          the API, to try out\n"
        f"{_ACCESS[settings.access]}"
    )
    log_as_json(settings.log_level)
    if workers == 1:
        _serve(settings, listener)
    else:
        _load_all()
        gc.freeze()  # what was read so far is in memory once, as long as nobody touches it
        drain = settings.max_drain_seconds
        SeveralProcesses(workers, partial(_serve, settings), listener, drain_seconds=drain).run()


def _load_all() -> None:
    """Read what each process serves with, so that none of them has to."""
    from fhir_service.api.warm_up import load_the_rest

    for module in ("uvicorn", "fhir_service.api.app"):
        import_module(module)
    load_the_rest()


def _serve(settings: Settings, listener: socket.socket, number: int = 0) -> None:
    """One event loop, until it is told to stop. Of several processes each has a number."""
    import uvicorn

    from fhir_service.api.app import create_app, short_way_of
    from fhir_service.api.observing.observers import observers_of
    from fhir_service.api.observing.tracing import NoTraces
    from fhir_service.api.short_connections import connection_of

    try:
        observers = observers_of(_with_own_meter(settings, number))
    except (ValueError, NoTraces) as error:
        stop(str(error))
    _open_enough_files(settings.max_connections)
    served = create_app(settings, observers=observers)
    gc.freeze()  # what was read so far stays for good; to look through it again and again holds up every request
    gc.set_threshold(*_GARBAGE)
    gc.enable()
    sys.setswitchinterval(_SWITCH_SECONDS)
    # The log of requests and the word of a proxy are ours: uvicorn writes whole addresses, and believes any local peer.
    config = uvicorn.Config(
        served,
        http=connection_of(settings, short_way_of(served)),
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=round(settings.max_drain_seconds),
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


def _open_enough_files(connections: int) -> None:
    """Let the process have so many connections, and the files of its own besides, as far as the system allows. Many
    systems begin with 1024, whatever they allow."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OWN_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _with_own_meter(settings: Settings, number: int) -> Settings:
    """Each process tells its own figures, at the port of the setting and the ones behind it."""
    if not settings.metrics_address or not number:
        return settings
    host, _, port = settings.metrics_address.rpartition(":")
    return settings.model_copy(update={"metrics_address": f"{host}:{int(port) + number}"})


def _refuse_workers(workers: int, settings: Settings) -> None:
    """Raises ValueError where several processes cannot serve one store."""
    if workers == 1:
        return
    if settings.database_url.startswith("sqlite"):
        raise ValueError(
            "SQLite has one writer, so one process serves it: --workers wants PostgreSQL (FHIR_SERVICE_DATABASE_URL)"
        )
    if settings.access == "smart" and not settings.token_key_file:
        raise ValueError(
            "each of several processes would sign tokens that the others refuse: give them one key "
            "(FHIR_SERVICE_TOKEN_KEY_FILE, docs/howto/access.md)"
        )
    if not hasattr(os, "fork") or not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("several processes at one address are not to be had on this system; start one")


def _listener(host: str, port: int, *, shared: bool) -> socket.socket:
    """The socket to serve on, or with `shared` one that keeps the place for others.

    Raises ValueError where it is not to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ValueError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listener
