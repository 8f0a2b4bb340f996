"""Report text to CaseReport; one module per kind of fact, vocabularies as data."""
