"""A form into the store, as often as one likes: the same way as a report that was read."""

from __future__ import annotations

import asyncio

from fhir_service.storage.repository import Repository
from fhir_service.workflows.load_report import LoadedReport, load_report
from fhir_service.workflows.map_form import map_form


async def submit_form(repository: Repository, text: bytes, *, recorded: str, base: str) -> LoadedReport:
    """Store what a QuestionnaireResponse makes, and delete what the same source made before and makes no longer.

    The source is the publication that the form names, else the identifier of the response, else its text. Raises
    MalformedContent and UnprocessableContent as `map_form` does; then nothing is stored.
    """
    form = await asyncio.to_thread(map_form, text, recorded=recorded, base=base)
    return await load_report(repository, form.report, form.mapped)
