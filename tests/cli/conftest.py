"""The command in a process of its own, with a database of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from warm_command import WarmCommand

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("FHIR_SERVICE_")} | {
        "NO_COLOR": "1"
    }


@pytest.fixture(scope="session")
def warm_command() -> Iterator[WarmCommand]:
    command = WarmCommand(_clean())
    yield command
    command.close()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return _clean() | {"FHIR_SERVICE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'store.db'}"}


@pytest.fixture
def run(warm_command: WarmCommand, environment: dict[str, str], tmp_path: Path) -> Run:
    def run(*arguments: object, **settings: str) -> subprocess.CompletedProcess[bytes]:
        return warm_command.run([*map(str, arguments)], environment=environment | settings, folder=tmp_path)

    return run
