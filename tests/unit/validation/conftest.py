"""The shared conformance cases and synthetic patients, where they are at hand."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[4] / "shared"


def _folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"../shared/{name} is not here")
    return folder


@pytest.fixture(scope="session")
def mutants() -> Path:
    return _folder("conformance/mutants")


@pytest.fixture(scope="session")
def hl7_cases() -> Path:
    return _folder("conformance/hl7-validator")


@pytest.fixture(scope="session")
def synthea() -> Path:
    return _folder("data/synthea")
