"""What the first requests need and the start does not: loaded in a thread once requests are answered, half a second
of work that the start would take longer. A request that comes before it is through loads its part itself."""

from __future__ import annotations

from importlib import import_module

from fhir_service.fhir.models import model

_MODULES = ("fhir_service.extraction.read_report", "fhir_service.fhir.fhirpath_fallback")
_MODELS = ("CapabilityStatement", "TerminologyCapabilities")


def load_the_rest() -> None:
    """The reading engine, fhirpathpy, and the models of what `/metadata` answers."""
    for name in _MODELS:
        model(name)
    for name in _MODULES:
        import_module(name)
