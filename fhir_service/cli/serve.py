"""The command `serve`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for FastAPI and SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import contextlib
import gc
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from fhir_service import __version__
from fhir_service.cli.console import errors, settings_or_stop, stop, with_repository

if TYPE_CHECKING:
    pass

_ACCESS = {
    "open": "WARNING: access is open. Every program on this machine may read and change everything.",
    "smart": "Access is by tokens (SMART Backend Services); `fhir-service clients` registers who may have them.",
}


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; without access control loopback only.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", min=0, max=65535)] = None,
) -> None:
    """Serve the store as a FHIR R4 REST API at /fhir.

    Without access control (FHIR_SERVICE_ACCESS) only this machine may ask: a host that is not loopback is refused.
    """
    import uvicorn

    from fhir_service.api.app import create_app
    from fhir_service.api.auth.tokens import token_key
    from fhir_service.api.connections import limited_by
    from fhir_service.api.exposure import refuse_open_exposure
    from fhir_service.api.log_lines import log_as_json
    from fhir_service.api.observing.observers import observers_of
    from fhir_service.api.observing.tracing import NoTraces
    from fhir_service.workflows.export_files import ExportFiles, UnusableFiles
    from fhir_service.workflows.publish_definitions import publish_definitions

    settings = settings_or_stop()
    host, port = host or settings.host, settings.port if port is None else port
    try:
        refuse_open_exposure(host, settings.trusted_proxies, settings.access)
        token_key(settings.token_key_file)
        listener = _listener(host, port)
        observers = observers_of(settings)
    except (ValueError, NoTraces) as error:
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
    served = create_app(settings, observers=observers)
    gc.collect()
    gc.freeze()  # what was read so far stays for good; to look through it again and again holds up every request
    # The log of requests and the word of a proxy are ours: uvicorn writes whole addresses, and believes any local peer.
    config = uvicorn.Config(
        served,
        http=limited_by(settings),
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    """The socket to serve on. Raises ValueError where it is not to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ValueError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listener
