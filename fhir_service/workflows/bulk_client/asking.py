"""One request, tried again where the server is busy or not reached, and never more often than it likes."""

from __future__ import annotations

import httpx

from fhir_service.workflows.bulk_client.answers import Said, read_whole
from fhir_service.workflows.bulk_client.errors import BrokenAnswer
from fhir_service.workflows.bulk_client.origins import shown
from fhir_service.workflows.bulk_client.pace import Pace, Patience

BUSY = frozenset({429, 503})
PASSING = BUSY | {408, 425, 502, 504}
"""Statuses that another try may mend."""
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


async def ask(
    http: httpx.AsyncClient,
    pace: Pace,
    request: httpx.Request,
    *,
    once: bool = False,
) -> Said:
    """What is answered in the end. With `once` a request that the server may have carried out is not sent again. Raises
    BrokenAnswer where the server is not reached."""
    patience = Patience(pace)
    while True:
        try:
            answer = await http.send(request, stream=True)
            try:
                said = await read_whole(answer)
            finally:
                await answer.aclose()
        except httpx.TransportError as fault:
            wait = patience.wait() if not once or isinstance(fault, _NEVER_SENT) else None
            if wait is None:
                raise BrokenAnswer(f"{shown(request.url)} does not answer ({type(fault).__name__})") from fault
        else:
            if said.status not in (BUSY if once else PASSING):
                return said
            wait = patience.wait(said.headers.get("retry-after"), busy=said.status in BUSY)
            if wait is None:
                return said
        await pace.sleep(wait)
