"""The front page: what is here, and what to open first."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from fhir_service import __version__
from fhir_service.api.service import Service

router = APIRouter()

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>fhir-service</title>
<style>body{{font:1rem/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}}</style>
<h1>fhir-service {version}</h1>
<p>Case reports about complications after vertebroplasty and kyphoplasty, as FHIR R4.
Every fact keeps the place in the text that states it.</p>
<ul>
<li><a href="/docs">The API, to try out</a></li>
<li><a href="/fhir/metadata">What this server can do</a> (CapabilityStatement)</li>
{searches}
</ul>
<p>From a patient, <code>/fhir/Patient/<var>id</var>/$everything</code> gives the whole case.</p>
</html>
"""
_FIRST = ("Patient", "AdverseEvent", "Procedure")


@router.get("/", include_in_schema=False)
async def home(request: Request) -> HTMLResponse:
    service: Service = request.app.state.service
    offered = [name for name in _FIRST if name in service.types]
    searches = "\n".join(f'<li><a href="/fhir/{escape(name)}">{escape(name)}</a></li>' for name in offered)
    return HTMLResponse(_PAGE.format(version=__version__, searches=searches))
