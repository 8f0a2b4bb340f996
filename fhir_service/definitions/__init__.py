"""FHIR R4 definitions compiled from HL7's package, and the catalogue of mappings/."""
