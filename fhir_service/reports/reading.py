"""What was read in a report, kept with it: so that another map can be tried on the same facts."""

from __future__ import annotations

import msgspec

from fhir_service.reports.case_report import CaseReport, from_json, to_json
from fhir_service.reports.report import Report, Source

EXTRACTOR = "fhir-service"
"""The software that reads here."""


class UnusableReading(ValueError):
    """A reading that this release cannot understand."""


class Reading(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The facts of a report, and version and name of the software that read them. `facts` is the logical-model JSON of
    the CaseReport: a later release may have another model, and then still knows the source."""

    source: Source
    content_type: str
    extractor: str
    extractor_name: str = EXTRACTOR
    facts: msgspec.Raw

    @property
    def case_report(self) -> CaseReport:
        """Raises UnusableReading."""
        try:
            return from_json(bytes(self.facts))
        except msgspec.MsgspecError as error:
            raise UnusableReading("the facts that were read are not in the present logical model") from error


def reading_of(case_report: CaseReport, report: Report, extractor: str, extractor_name: str = EXTRACTOR) -> Reading:
    """What software of that version read in a report."""
    return Reading(
        source=report.source,
        content_type=report.content_type,
        extractor=extractor,
        extractor_name=extractor_name,
        facts=msgspec.Raw(to_json(case_report)),
    )


def reading_to_json(reading: Reading) -> bytes:
    """As it is stored."""
    return msgspec.json.encode(reading)


def reading_from_json(raw: bytes) -> Reading:
    """From what was stored. Raises UnusableReading."""
    try:
        return msgspec.json.decode(raw, type=Reading)
    except msgspec.MsgspecError as error:
        raise UnusableReading("what was kept of the report cannot be read") from error
