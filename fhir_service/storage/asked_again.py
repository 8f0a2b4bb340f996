"""Reads that are made once more where their connection was lost: another one may stand, or another server answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from fhir_service.storage.failures import ConnectionLost

P = ParamSpec("P")
T = TypeVar("T")


def asked_again(read: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """For what changes nothing, so that to do it twice is to do it once."""

    @wraps(read)
    async def reading(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return await read(*arguments, **named)
        except ConnectionLost:
            return await read(*arguments, **named)

    return reading
