"""An error about one entry of a Bundle says which: its issues point to `Bundle.entry[n]`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from fhir_service.fhir.errors import FhirError


@contextmanager
def naming_entry(index: int) -> Iterator[None]:
    """An error raised within names the entry it is about."""
    try:
        yield
    except FhirError as error:
        raise _named(error, index) from None


@contextmanager
def naming_change(numbers: Sequence[int]) -> Iterator[None]:
    """An error about one of several changes names the entry that the change is of."""
    try:
        yield
    except FhirError as error:
        if error.change is None:
            raise
        raise _named(error, numbers[error.change]) from None


def _named(error: FhirError, index: int) -> FhirError:
    where = f"Bundle.entry[{index}]"
    error.issues = tuple(replace(issue, expression=(where, *issue.expression)) for issue in error.issues)
    return error
