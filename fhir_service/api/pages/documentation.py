"""FastAPI's interactive documentation, its script and style served from here, not from the internet."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

_FILES = Path(__file__).parent / "assets" / "swagger-ui"
_TYPES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}


@router.get("/docs")
async def docs() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="fhir-service",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="data:,",
        swagger_ui_parameters={"validatorUrl": None, "defaultModelsExpandDepth": -1},
    )


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    state = request.app.state
    if not hasattr(state, "openapi"):
        state.openapi = json.dumps(request.app.openapi(), separators=(",", ":"), ensure_ascii=False).encode()
    return Response(state.openapi, media_type="application/json")


@router.get("/docs/assets/{name}")
async def asset(request: Request, name: str) -> Response:
    if name not in _TYPES:
        raise HTTPException(404)
    compressed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"cache-control": "public, max-age=86400", "vary": "accept-encoding"}
    if compressed:
        headers["content-encoding"] = "gzip"
    return Response(_content(name, compressed), 200, headers, _TYPES[name])


@cache
def _content(name: str, compressed: bool) -> bytes:
    content = (_FILES / f"{name}.gz").read_bytes()
    return content if compressed else gzip.decompress(content)
