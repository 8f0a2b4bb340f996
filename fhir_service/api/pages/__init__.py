"""What lies beside the FHIR API: a front page, the documentation, health."""
