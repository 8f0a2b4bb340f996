"""A form is stored the way a report is: once, however often it comes."""

from __future__ import annotations

import pytest
from filled_forms import answer, filled
from golden_cases import CASES, RECORDED

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import UnprocessableContent
from fhir_service.fhir.json_text import encode, parse
from fhir_service.reports.report import Source
from fhir_service.storage.repository import Repository
from fhir_service.workflows.load_report import LoadedReport
from fhir_service.workflows.submit_form import submit_form

CASE = CASES["every-kind-of-fact"]


async def submitted(repository: Repository, response: object) -> LoadedReport:
    return await submit_form(repository, encode(response), recorded=RECORDED, base=DEFAULT_BASE)


async def test_a_form_is_stored_and_the_same_again_changes_nothing(repository: Repository) -> None:
    first = await submitted(repository, filled(CASE.facts, CASE.report.source))
    assert first.source_key == CASE.report.source.key
    assert (first.again, len(first.created)) == (False, len(CASE.expected["entry"]))
    again = await submitted(repository, filled(CASE.facts, CASE.report.source))
    assert (again.again, again.created, again.updated, again.deleted) == (True, (), (), ())
    patient = next(key for key in first.created if key.startswith("Patient/"))
    stored = parse((await repository.read("Patient", patient.partition("/")[2], OPEN)).text)
    assert stored["gender"] == CASE.facts.case[0].sex.code  # type: ignore[union-attr]  # the case states the sex


async def test_a_mended_form_replaces_what_it_made(repository: Repository) -> None:
    await submitted(repository, filled(CASE.facts, Source()))
    mended = filled(CASE.facts, Source(), status="amended")
    answer(mended, "case")["item"] = [
        item for item in answer(mended, "case")["item"] if item["linkId"] != "case.remark"
    ]
    answer(mended, "case", "case.sex", "case.sex.code")["answer"][0]["valueCoding"]["code"] = "other"
    done = await submitted(repository, mended)
    assert done.source_key == "https://registry.example.org/forms|form-1"
    assert done.again
    assert any(key.startswith("Patient/") for key in done.updated)


async def test_a_form_that_does_not_fit_stores_nothing(repository: Repository) -> None:
    broken = filled(CASE.facts, CASE.report.source)
    answer(broken, "case", "case.procedure", "case.procedure.id")["answer"] = [{"valueInteger": 1}]
    with pytest.raises(UnprocessableContent) as refusal:
        await submitted(repository, broken)
    assert "case.procedure.id" in refusal.value.issues[0].text
    assert await repository.reports.record(str(CASE.report.source.key)) is None
