"""A server that answers what a case tells it to, broken or hostile as that may be: on loopback, in the test's loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    target: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Reply:
    """What goes out. Of the body only the first `cut` bytes, though its length is announced; `length` False announces
    nothing, so that its end is the end of the connection. With `hangs` nothing more comes, and no end either."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    length: bool = True
    hangs: bool = False

    def raw(self) -> bytes:
        told = {
            "Connection": "close",
            **({"Content-Length": str(len(self.body))} if self.length else {}),
            **self.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        return f"HTTP/1.1 {self.status} X\r\n{head}\r\n".encode() + self.body[: self.cut]


def reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """JSON."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


Route = Reply | list[Reply] | Callable[[Asked], Reply]


@dataclass
class Stub:
    """`routes` by `METHOD /path` (of the target without its query): one reply, replies of which the last one stays, or
    what makes one."""

    port: int = 0
    routes: dict[str, Route] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sent(self, target: str) -> list[Asked]:
        return [one for one in self.asked if one.target.partition("?")[0] == target]

    def _answer(self, asked: Asked) -> Reply:
        route = self.routes.get(f"{asked.method} {asked.target.partition('?')[0]}", Reply(404))
        if isinstance(route, list):
            return route.pop(0) if len(route) > 1 else route[0]
        return route if isinstance(route, Reply) else route(asked)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
        asked = Asked(method, target, headers, body)
        self.asked.append(asked)
        answer = self._answer(asked)
        writer.write(answer.raw())
        await writer.drain()
        if not answer.hangs:
            writer.close()


@asynccontextmanager
async def stub_server() -> AsyncIterator[Stub]:
    stub = Stub()
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.port = server.sockets[0].getsockname()[1]
    async with server:
        yield stub
