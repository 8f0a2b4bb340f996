"""FHIR data types, references, Bundles, outcomes and errors."""
