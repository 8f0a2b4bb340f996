"""A new resource under an id of the server's (R4 http.html#create)."""

from __future__ import annotations

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import Needs
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.written import written_answer
from fhir_service.search.query_text import PRESENTATION
from fhir_service.workflows.accept_resource import create_resource


async def create(call: Call) -> Answer:
    return await created(call, await call.resource_body())


async def created(call: Call, text: bytes) -> Answer:
    """With If-None-Exist only where its search finds nothing: one that it finds is told with 200, and left as it is. A
    search in the URL, as some clients send it, means the same; to pass it over would make doubles."""
    search = call.header(b"if-none-exist")
    conditional = any(name == b"if-none-exist" for name, _ in call.headers)
    if not conditional and any(name not in PRESENTATION for name, _ in call.parameters):
        search, conditional = call.query, True
    unless = call.condition(call.type, search) if conditional else None
    checks = await call.checks_of(text)
    outcome = await create_resource(call.repository, call.type, text, call.access, unless=unless, checks=checks)
    return await written_answer(call, outcome)


CREATE = Interaction(
    code="create",
    method="POST",
    path="{type}",
    handle=create,
    summary="Create a resource; the server chooses its id",
    body="resource",
    headers=("If-None-Exist", "Prefer"),
    answers=(200, 201),
    errors=(404, 412, 413, 415),
    needs=Needs(("c",)),
)
