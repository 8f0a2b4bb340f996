"""The service as a newcomer starts it, for clients we did not write."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from served_command import served


@pytest.fixture(scope="session")
def on_sqlite(lasting_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from served(lasting_database("sqlite"), tmp_path_factory.mktemp("clients-sqlite"))


@pytest.fixture(scope="session")
def on_postgresql(lasting_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from served(lasting_database("postgresql"), tmp_path_factory.mktemp("clients-postgresql"))
