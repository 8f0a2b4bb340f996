"""What requests soon need and the start does not: loaded in a thread once requests are answered. A request that comes
before it is through loads its part itself.

What few ask for stays out, since each process would hold it: fhirpathpy and the models of fhir.resources are a dozen
megabytes, and cost the first who wants them a tenth of a second.
"""

from __future__ import annotations

from importlib import import_module


def load_the_rest() -> None:
    """The reading engine."""
    import_module("fhir_service.extraction.read_report")
