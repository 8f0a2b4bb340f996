"""A question to a language model behind an OpenAI-compatible URL, and its answer: not longer nor later than allowed."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from fhir_service.workflows.trusted_authorities import authorities

_TRIES = 3
_FIRST_PAUSE = 0.5
"""Seconds before the second try; twice as long before each further one."""
_LARGEST_ANSWER = 1_000_000
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class ModelAccess(msgspec.Struct, frozen=True):
    """A model and how to reach it: `url` is what stands before `/chat/completions`, `seconds` the longest wait for one
    answer, `most_characters` the longest report that it is asked about."""

    url: str
    model: str
    key: str = ""
    seconds: float = 60.0
    most_characters: int = 60_000


class NoAnswer(RuntimeError):
    """The model gave none that can be used; the message says why."""


class _Message(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Message


class _Completion(msgspec.Struct):
    choices: list[_Choice]


async def ask_model(access: ModelAccess, instructions: str, question: str) -> str:
    """What the model answers, as text. Raises NoAnswer."""
    import httpx  # noqa: PLC0415  # most never ask a model, and `map` should not wait for it

    body = {
        "model": access.model,
        "temperature": 0,
        "response_format": {"type": "json_object"},
        "messages": [{"role": "system", "content": instructions}, {"role": "user", "content": question}],
    }
    headers = {"Authorization": f"Bearer {access.key}"} if access.key else {}
    reason = ""
    async with httpx.AsyncClient(verify=authorities(), headers=headers, timeout=access.seconds) as client:
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_FIRST_PAUSE * 2 ** (attempt - 1))
            try:
                async with asyncio.timeout(access.seconds):
                    status, content = await _post(client, f"{access.url.rstrip('/')}/chat/completions", body)
            except TimeoutError:
                reason = f"no answer within {access.seconds:g} seconds"
            except httpx.HTTPError as error:
                reason = f"no connection ({type(error).__name__})"
            else:
                if status == 200:
                    return _content(content)
                reason = f"HTTP status {status}"
                if status not in _TRY_AGAIN:
                    break
    raise NoAnswer(reason)


async def _post(client: Any, url: str, body: dict[str, Any]) -> tuple[int, bytes]:
    async with client.stream("POST", url, json=body) as response:
        content = bytearray()
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > _LARGEST_ANSWER:
                raise NoAnswer(f"an answer of more than {_LARGEST_ANSWER:,} bytes")
        return response.status_code, bytes(content)


def _content(raw: bytes) -> str:
    try:
        return msgspec.json.decode(raw, type=_Completion).choices[0].message.content
    except (msgspec.MsgspecError, IndexError, UnicodeDecodeError) as error:
        raise NoAnswer("an answer in another form than that of a chat completion") from error
