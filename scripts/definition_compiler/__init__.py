"""HL7's R4 package to the compact data of `fhir_service/definitions/data`: facts only, same input, same bytes."""
