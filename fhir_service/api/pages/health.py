"""Whether the process lives, and whether it can serve: for supervisors and load balancers.

Where nothing can be written patients are still read: who takes the service away then takes it from those who look
something up. So being ready means reads, and who wants to know of writes asks for them.
"""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request

from fhir_service.api.service import Service
from fhir_service.fhir.errors import StoreUnavailable
from fhir_service.storage.repository import Repository

router = APIRouter(tags=["health"])
_PROBE_SECONDS = 0.5
"""So long `/readyz` waits for a write; probes are given a second, as a rule."""


@router.get("/healthz", summary="The process lives")
async def healthz() -> JSONResponse:
    return JSONResponse({"status": "ok"})


@router.get("/readyz", summary="The store can be read", responses={503: {"description": "It cannot"}})
async def readyz(request: Request) -> JSONResponse:
    """Where it takes no writes, that is said and no reason to send nobody."""
    try:
        repository = _store_of(request)
        await repository.health.require_reads()
    except StoreUnavailable:
        return _unavailable()
    try:
        await repository.health.require_writes(_PROBE_SECONDS)
    except StoreUnavailable as refused:
        return JSONResponse({"status": "ready", "writes": "refused", "reason": str(refused)})
    return JSONResponse({"status": "ready"})


@router.get(
    "/readyz/writes", summary="The store takes reads and writes", responses={503: {"description": "It does not"}}
)
async def readyz_writes(request: Request) -> JSONResponse:
    try:
        repository = _store_of(request)
        await repository.health.require_reads()
        await repository.health.require_writes()
    except StoreUnavailable:
        return _unavailable()
    return JSONResponse({"status": "ready"})


def _store_of(request: Request) -> Repository:
    """Raises StoreUnavailable where it is not open."""
    service: Service = request.app.state.service
    return service.repository


def _unavailable() -> JSONResponse:
    return JSONResponse({"status": "unavailable"}, 503, {"retry-after": "2"})
