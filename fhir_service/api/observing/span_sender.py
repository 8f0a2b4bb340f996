"""What sends spans to a collector. It is made of the packages of the extra `traces`, which need not be installed."""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from fhir_service import __version__


def sender(url: str) -> TracerProvider:
    """Sends spans to an OTLP collector over HTTP from a thread of its own."""
    provider = TracerProvider(resource=Resource({"service.name": "fhir-service", "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    return provider
