"""Resources of a size and shape that a registry sends, made from their number alone."""

from __future__ import annotations

import json
from datetime import date, timedelta

LOINC = "http://loinc.org"
CODES = 50
OF_A_PATIENT = 20
"""Observations of one patient."""
_FIRST_DAY = date(2000, 1, 1)
_LAB = "http://terminology.hl7.org/CodeSystem/observation-category"


def code(number: int) -> str:
    return f"{1000 + number % CODES}-{number % 9}"


def day(number: int) -> str:
    """One of 9,000 days, spread so that neighbours by number are not neighbours in time."""
    return (_FIRST_DAY + timedelta(days=number * 7919 % 9000)).isoformat()


def patient(number: int) -> bytes:
    return json.dumps(
        {
            "resourceType": "Patient",
            "identifier": [{"system": "urn:registry", "value": f"P-{number}"}],
            "name": [{"family": f"Family{number}", "given": ["Anna", "Maria"]}],
            "gender": ("female", "male")[number % 2],
            "birthDate": str(1920 + number % 80),
        }
    ).encode()


def observation(number: int) -> bytes:
    subject = f"Patient/p{number // OF_A_PATIENT}"
    return json.dumps(
        {
            "resourceType": "Observation",
            "status": "final",
            "category": [{"coding": [{"system": _LAB, "code": "laboratory"}]}],
            "code": {
                "coding": [{"system": LOINC, "code": code(number), "display": "a measurement"}],
                "text": "measured",
            },
            "subject": {"reference": subject},
            "effectiveDateTime": day(number),
            "valueQuantity": {
                "value": number % 1000 / 10,
                "unit": "mg/L",
                "system": "http://unitsofmeasure.org",
                "code": "mg/L",
            },
            "note": [{"text": "as told in the report, with the words that were used there " * 6}],
        }
    ).encode()


def bundle(count: int) -> bytes:
    """A collection of so many entries, patients and observations by turns."""
    entries = []
    for number in range(count):
        kind, text = ("Observation", observation(number)) if number % 2 else ("Patient", patient(number))
        entry = {"fullUrl": f"https://example.org/fhir/{kind}/b{number}"}
        entries.append(entry | {"resource": json.loads(text) | {"id": f"b{number}"}})
    return json.dumps(
        {"resourceType": "Bundle", "type": "collection", "entry": entries}, separators=(",", ":")
    ).encode()
