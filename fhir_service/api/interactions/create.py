"""A new resource under an id of the server's (R4 http.html#create)."""

from __future__ import annotations

from fhir_service.api.answer import Answer
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.written import written_answer
from fhir_service.workflows.accept_resource import create_resource

_PRESENTATION = frozenset({"_format", "_pretty", "_summary", "_elements"})
"""Parameters that say how the answer looks."""


async def create(call: Call) -> Answer:
    """With If-None-Exist only where its search finds nothing: one that it finds is told with 200, and left as it is. A
    search in the URL, as some clients send it, means the same; to pass it over would make doubles."""
    search = call.header(b"if-none-exist")
    if not search and any(name not in _PRESENTATION for name, _ in call.parameters):
        search = call.query
    unless = call.condition(call.type, search) if search else None
    text = await call.resource_body()
    outcome = await create_resource(call.repository, call.type, text, call.access, unless=unless)
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
)
