"""Whether the process lives, and whether it can serve: for supervisors and load balancers."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request

from fhir_service.api.call import Service
from fhir_service.fhir.errors import StoreUnavailable

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process lives")
async def healthz() -> JSONResponse:
    return JSONResponse({"status": "ok"})


@router.get("/readyz", summary="The store takes reads and writes", responses={503: {"description": "It does not"}})
async def readyz(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    try:
        await service.repository.health()
    except StoreUnavailable:
        return JSONResponse({"status": "unavailable"}, 503, {"retry-after": "2"})
    return JSONResponse({"status": "ready"})
