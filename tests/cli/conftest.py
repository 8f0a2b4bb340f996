"""The real command in a process of its own, with a database of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command import COMMAND

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_SERVICE_")}
    return clean | {"FHIR_SERVICE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'store.db'}", "NO_COLOR": "1"}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    def run(*arguments: object, **settings: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [COMMAND, *map(str, arguments)],
            env=environment | settings,
            cwd=tmp_path,
            capture_output=True,
            timeout=120,
            check=False,
        )

    return run
