"""`python -m fhir_service.cli` is the command fhir-service."""

from fhir_service.cli import main

if __name__ == "__main__":
    main()
