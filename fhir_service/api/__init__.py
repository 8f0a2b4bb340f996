"""FHIR over HTTP: a request in, one call, a response out."""
