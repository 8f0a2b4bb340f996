"""FHIR Mapping Language: parser, interpreter, concept translation, provenance."""
