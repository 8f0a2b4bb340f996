"""The command `worker`."""

# ruff: noqa: PLC0415  # `map` and `--help` should not wait for SQLAlchemy, so a command imports what it needs
from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from typing import TYPE_CHECKING

from fhir_service.cli.console import errors, settings_or_stop, stop, with_repository

if TYPE_CHECKING:
    from fhir_service.storage.repository import Repository


def worker() -> None:
    """Do the jobs of a service, such as exports, beside it: on this machine or on another.

    Wants the database and the place for files that the service has. With SQLite the service does its jobs itself.
    """
    from fhir_service.workflows.do_jobs import runner_of
    from fhir_service.workflows.export_files import UnusableFiles

    settings = settings_or_stop()
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s: %(name)s: %(message)s")

    async def work(repository: Repository) -> None:
        if not repository.shared:
            stop("with SQLite `fhir-service serve` does the jobs itself; workers want PostgreSQL")
        try:
            runner = runner_of(repository, settings.job_settings)
        except UnusableFiles as error:
            stop(str(error))
        ended = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(
                NotImplementedError
            ):  # Windows has no handlers on the loop; Ctrl-C still ends it there
                asyncio.get_running_loop().add_signal_handler(name, ended.set)
        errors.print("fhir-service worker: does jobs until Ctrl-C")
        runner.start()
        await ended.wait()
        await runner.close()

    with_repository(settings, work, replica=settings.replica)
