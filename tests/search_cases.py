"""Small stores and what searches find in them: the same cases for the criteria alone, and over HTTP on each database.

A case is the type (or path) that is searched, the query string as it is sent, the ids that are found, and the rules of
the R4 REST checklist that it holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
GENDER = "http://hl7.org/fhir/administrative-gender"
RESULT = "http://terminology.hl7.org/CodeSystem/v2-0203"
Resource = dict[str, Any]


class Case(NamedTuple):
    type: str
    query: str
    found: str
    rules: tuple[str, ...]


def cases(kind: str, *rows: tuple[str, str, str]) -> list[Case]:
    """Rows of rules, query and ids, each with spaces between them."""
    return [Case(kind, query, found, tuple(rules.split())) for rules, query, found in rows]


def marked(listed: Iterable[Case]) -> list[Any]:
    """The cases as parameters of a test, each marked with its rules."""
    return [
        pytest.param(case, marks=pytest.mark.rule(*case.rules), id=f"{case.type}?{case.query}"[:80]) for case in listed
    ]


def observation(resource_id: str, /, **more: Any) -> Resource:
    return {"resourceType": "Observation", "id": resource_id, "status": "final", "code": {"text": resource_id}, **more}


def dated(name: str, effective: str) -> Resource:
    return observation(name, effectiveDateTime=effective)


DATES = [
    dated("d14t00", "2013-01-14T00:00:00Z"),
    dated("d14t10", "2013-01-14T10:00:00Z"),
    dated("d15t00", "2013-01-15T00:00:00Z"),
    dated("day14", "2013-01-14"),
    dated("january", "2013-01"),
    dated("year", "2013"),
    dated("may", "2013-05-02"),
    dated("zone", "2013-01-14T23:30:00-05:00"),
    observation("open", effectivePeriod={"start": "2013-01-21"}),
    observation("span", effectivePeriod={"start": "2013-01-10", "end": "2013-01-20"}),
    observation("undated"),
]
DATE_CASES = cases(
    "Observation",
    ("DATE-3 PRE-1", "date=2013-01-14", "d14t00 d14t10 day14"),
    ("PRE-1 PRE-3", "date=eq2013-01-14", "d14t00 d14t10 day14"),
    ("DATE-4 DATE-2", "date=2013", "d14t00 d14t10 d15t00 day14 january year may zone span"),
    ("DATE-2 PRE-2", "date=2013-01", "d14t00 d14t10 d15t00 day14 january zone span"),
    ("PRE-3", "date=ne2013-01", "year may open"),
    ("DATE-4 PRE-4", "date=lt2013-01-14T10:00&_id=day14", "day14"),
    ("DATE-4 PRE-4", "date=gt2013-01-14T10:00&_id=day14", "day14"),
    ("DATE-5 PRE-4", "date=ge2013-03-14", "year may open"),
    ("DATE-5 PRE-4", "date=le2013-03-14&_id=open,may", "open"),
    ("DATE-5 PRE-5", "date=sa2013-03-14", "may"),
    ("DATE-5 PRE-5", "date=eb2013-03-14&_id=open,span,january", "january span"),
    ("PRE-4", "date=gt2013-01-14", "d15t00 january year may zone open span"),
    ("PRE-4", "date=lt2013-01-14", "january year span"),
    ("PRE-5", "date=sa2013-01-14", "d15t00 may zone open"),
    ("PRE-5", "date=eb2013-01-14", ""),
    ("PRE-4", "date=ge2013-01-15&date=le2013-01-20", "d15t00 january year zone span"),
    ("DATE-6", "date=2013-01-15T04:30:00Z", "zone"),
    ("DATE-6 DATE-1", "date=2013-01-15T05:30:00%2B01:00", "zone"),
    ("DATE-1", "date=2013-01-14T10:00", "d14t10"),
    ("AND-1", "date=2013-05-02,2013-01-15", "d15t00 may zone"),
    ("PRE-3", "date=ap2013-01-14&_id=year,may,undated", "year may"),
    ("MOD-1", "date:missing=true", "undated"),
    ("MOD-1", "date:missing=false&_id=undated,may", "may"),
    ("CMP-1", "code-value-date=x$2013", ""),
)


def measured(name: str, value: float, unit: str = "mg", code: str | None = None, **more: Any) -> Resource:
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": code or unit}
    return observation(name, valueQuantity=quantity, **more)


def vas(score: float) -> Resource:
    return {"code": {"coding": [{"system": LOINC, "code": "vas"}]}, "valueQuantity": {"value": score}}


def nrs(score: float) -> Resource:
    return {"code": {"coding": [{"system": LOINC, "code": "nrs"}]}, "valueQuantity": {"value": score}}


QUANTITIES = [
    measured("q5", 5.4),
    measured("q535", 5.35),
    measured("q545", 5.45),
    measured("grams", 0.0054, "g"),
    measured("pounds", 5.4, "lb", "[lb_av]"),
    observation("unitless", valueQuantity={"value": 5.4}),
    observation("named", valueQuantity={"value": 5.4, "unit": "mg"}),
    measured("hundred", 100, "mm"),
    measured("hundred4", 100.4, "mm"),
    measured("hundred6", 100.6, "mm"),
    measured("below", 5, "ug", "ug") | {"valueQuantity": {"value": 5, "comparator": "<", "system": UCUM, "code": "ug"}},
    observation("pair", component=[vas(8), nrs(2)]),
    observation(
        "coded",
        code={"coding": [{"system": LOINC, "code": "weight"}]},
        valueQuantity={"value": 70, "system": UCUM, "code": "kg", "unit": "kg"},
    ),
]
QUANTITY_CASES = cases(
    "Observation",
    ("QTY-1 NUM-1", "value-quantity=5.4", "q5 q535 pounds unitless named"),
    ("QTY-1 NUM-1", f"value-quantity=5.4|{UCUM}|mg", "q5 q535 grams"),
    ("QTY-2", f"value-quantity=0.0054|{UCUM}|g", "q5 q535 grams"),
    ("QTY-1", "value-quantity=5.4||mg", "q5 q535 named"),
    ("QTY-1", "value-quantity=5.4||lb", "pounds"),
    ("QTY-1", "value-quantity=5.40||lb", "pounds"),
    ("NUM-3", "value-quantity=5.40", "q5 pounds unitless named"),
    ("PRE-4 NUM-2", f"value-quantity=gt5.4|{UCUM}|mg", "q545 pounds coded"),
    ("PRE-4 NUM-2", f"value-quantity=ge5.4|{UCUM}|mg", "q5 q545 grams pounds coded"),
    ("PRE-4", f"value-quantity=lt5.4|{UCUM}|mg", "q535 below"),
    ("PRE-4", f"value-quantity=le5.4|{UCUM}|mg", "q5 q535 grams below"),
    ("PRE-5", f"value-quantity=sa5.4|{UCUM}|mg", "q545 pounds coded"),
    ("PRE-5", f"value-quantity=eb5.4|{UCUM}|mg", "q535 below"),
    ("PRE-3", f"value-quantity=ne5.4|{UCUM}|mg", "q545 pounds below coded"),
    ("PRE-3", f"value-quantity=ap5|{UCUM}|mg", "q5 q535 q545 grams"),
    ("NUM-1", "value-quantity=100", "hundred hundred4"),
    ("NUM-1", "value-quantity=100.00", "hundred"),
    ("NUM-1", "value-quantity=1e2", "hundred hundred4 hundred6"),
    ("PRE-1 QTY-1", "value-quantity=gt100", "hundred4 hundred6"),
    ("QTY-1", f"value-quantity=5.4|{UCUM}|kPa", ""),
    ("CMP-1", "combo-code-value-quantity=vas$gt5", "pair"),
    ("CMP-1", "combo-code-value-quantity=nrs$gt5", ""),
    ("CMP-1", "component-code-value-quantity=nrs$lt5,vas$lt5", "pair"),
    ("CMP-1", f"code-value-quantity={LOINC}|weight$70000|{UCUM}|g", "coded"),
    ("CMP-1", "code-value-quantity=weight$lt60", ""),
    ("MOD-1", "value-quantity:missing=true", "pair"),
)


def patient(resource_id: str, /, **more: Any) -> Resource:
    return {"resourceType": "Patient", "id": resource_id, **more}


PATIENTS = [
    patient(
        "ada",
        active=True,
        gender="female",
        name=[{"family": "Müller-Lüdenscheidt", "given": ["Ada", "Maria"]}],
        identifier=[
            {
                "system": "urn:s:mrn",
                "value": "A-1",
                "type": {"coding": [{"system": RESULT, "code": "MR"}], "text": "Record"},
            }
        ],
        telecom=[{"system": "phone", "value": "+49 30 1"}, {"system": "email", "value": "ada@example.org"}],
        address=[{"city": "Köln", "country": "DE"}],
        meta={
            "tag": [{"system": "urn:t", "code": "red"}],
            "profile": ["http://e.org/p/one"],
            "source": "http://e.org/src",
        },
        text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Cement <b>leak</b></div>'},
        birthDate="1950-03-01",
    ),
    patient(
        "bob",
        active=False,
        gender="male",
        name=[{"family": "O'Brien", "given": ["Robert"], "text": "Bob O'Brien"}],
        identifier=[{"value": "A-1"}, {"system": "urn:s:mrn", "value": "a-2"}],
        deceasedDateTime="2001",
        maritalStatus={"text": "Widowed"},
        meta={"security": [{"system": "urn:sec", "code": "R"}], "profile": ["http://e.org/p/one/deep|2.0"]},
    ),
    patient("cy", name=[{"family": "Smith"}], gender="other", birthDate="1950", deceasedBoolean=False),
    patient("dee", name=[{"family": "Smyth, Jr"}], contact=[{"name": {"text": "C"}, "gender": "female"}]),
    patient("eve", extension=[{"url": "http://e.org/x", "valueString": "hidden leak"}]),
]
PATIENT_CASES = cases(
    "Patient",
    ("STR-1", "family=muller", "ada"),
    ("STR-1", "family=MÜLLER", "ada"),
    ("STR-1", "family=mullerlu", "ada"),
    ("STR-1", "family=denscheidt", ""),
    ("STR-1", "family:contains=denscheidt", "ada"),
    ("STR-1", "name=obrien", "bob"),
    ("STR-1", "name=o'brien", "bob"),
    ("STR-2 STR-1", "name=rob", "bob"),
    ("STR-2", "name:exact=Smith", "cy"),
    ("STR-2", "name:exact=smith", ""),
    ("STR-2", "family:exact=M%C3%BCller-L%C3%BCdenscheidt", "ada"),
    ("STR-2", "family:exact=Muller-Ludenscheidt", ""),
    ("STR-2", "address=koln", "ada"),
    ("AND-1", "given=ada&given=maria", "ada"),
    ("AND-1", "given=ada,robert", "ada bob"),
    ("AND-1 STR-1", "name:contains=brien,schei", "ada bob"),
    ("ESC-1", r"family=smyth\, jr", "dee"),
    ("ESC-1", r"family:exact=Smyth\, Jr", "dee"),
    ("STR-1", "phonetic=smith", "cy dee"),
    ("TOK-1", "identifier=A-1", "ada bob"),
    ("TOK-1", "identifier=urn:s:mrn|A-1", "ada"),
    ("TOK-1", "identifier=|A-1", "bob"),
    ("TOK-1", "identifier=urn:s:mrn|", "ada bob"),
    ("TOK-1 TOK-3", "identifier=A-2", "bob"),
    ("TOK-1", "identifier=urn:other|A-1", ""),
    ("TOK-1 TOK-2", "gender=female", "ada"),
    ("TOK-1", f"gender={GENDER}|female", "ada"),
    ("TOK-1", "gender=|female", "ada"),
    ("TOK-1", f"gender={GENDER}|", "ada bob cy"),
    ("TOK-1", "gender=http://elsewhere|female", ""),
    ("TOK-5", "gender:not=female", "bob cy dee eve"),
    ("TOK-5", "gender:not=female,male", "cy dee eve"),
    ("TOK-2", "active=true", "ada"),
    ("TOK-2", "active=false", "bob"),
    ("TOK-2", "telecom=ada@example.org", "ada"),
    ("TOK-2", "email=ada@example.org", "ada"),
    ("TOK-2", "phone=ada@example.org", ""),
    ("TOK-2", "deceased=true", "bob"),
    ("TOK-2", "deceased=false", "ada cy dee eve"),
    ("TOK-8", f"identifier:of-type={RESULT}|MR|A-1", "ada"),
    ("TOK-8", f"identifier:of-type={RESULT}|MR|a-2", ""),
    ("TOK-4", "identifier:text=rec", "ada"),
    ("MOD-1", "gender:missing=true", "dee eve"),
    ("MOD-1", "gender:missing=false", "ada bob cy"),
    ("MOD-1", "birthdate:missing=true&active:missing=false", "bob"),
    ("MOD-1", "name:missing=true", "eve"),
    ("DATE-2 PRE-3", "birthdate=1950", "ada cy"),
    ("BASE-1", "_id=ada,cy", "ada cy"),
    ("BASE-1", "_id=ADA", ""),
    ("BASE-1", "_tag=red", "ada"),
    ("BASE-1", "_tag=urn:t|red", "ada"),
    ("BASE-1 TOK-5", "_tag:not=red", "bob cy dee eve"),
    ("BASE-1", "_security=urn:sec|R", "bob"),
    ("BASE-1", "_profile=http://e.org/p/one", "ada"),
    ("BASE-1 URI-1", "_profile:below=http://e.org/p", "ada bob"),
    ("BASE-1", "_profile=http://e.org/p/one/deep", "bob"),
    ("BASE-1", "_profile=http://e.org/p/one/deep|2.0", "bob"),
    ("URI-1", "_profile:above=http://e.org/p/one/deep/er", "ada bob"),
    ("BASE-1 URI-1", "_source=http://e.org/src", "ada"),
    ("URI-1", "_source=http://e.org/SRC", ""),
    ("BASE-1", "_text=leak", "ada"),
    ("BASE-1", "_text=LEAK cement", "ada"),
    ("BASE-1", "_text=leak absent", ""),
    ("BASE-1", "_content=leak", "ada eve"),
    ("BASE-1", "_content=widowed,hidden", "bob eve"),
    ("BASE-1", "_lastUpdated=ge2020-01-01&_id=ada", "ada"),
    ("BASE-1", "_lastUpdated=lt2020-01-01", ""),
    ("ERR-3", "gender=unknown-code", ""),
    ("CMP-1 MOD-1", "_has:Observation:patient:code=none", ""),
    ("BASE-1", '_filter=name co "brien"', "bob"),
    ("BASE-1", "_filter=family eq SMITH", "cy"),
    ("BASE-1", "_filter=family sw sm", "cy dee"),
    ("BASE-1", "_filter=family ew ith", "cy"),
    ("BASE-1", '_filter=family eq "smyth, jr"', "dee"),
    ("BASE-1", "_filter=given eq ada and birthdate ge 1950-02-01", "ada"),
    ("BASE-1", "_filter=gender eq male or gender eq other and birthdate eq 1950", "cy"),
    ("BASE-1", "_filter=gender eq male or (gender eq other and birthdate eq 1950)", "bob cy"),
    ("BASE-1", "_filter=not (gender pr true)", "dee eve"),
    ("BASE-1", "_filter=gender pr false", "dee eve"),
    ("BASE-1", "_filter=gender ne male", "ada cy"),
    ("BASE-1", "_filter=birthdate po 1950-03", "ada cy"),
    ("BASE-1", "_filter=identifier eq urn:s:mrn|A-1", "ada"),
    ("BASE-1", "_filter=_id eq ada or _id eq bob and active eq true", "ada"),
    ("BASE-1", "_filter=_profile sw http://e.org/p", "ada bob"),
)


def reference(target: str) -> Resource:
    return {"reference": target}


LINKED = [
    patient("p1", name=[{"family": "Peters"}], gender="male"),
    patient("p2", name=[{"family": "Quint"}], link=[{"other": reference("Patient/p1"), "type": "seealso"}]),
    {
        "resourceType": "Group",
        "id": "g1",
        "type": "person",
        "actual": True,
        "code": {"coding": [{"code": "cohort"}]},
        "member": [{"entity": reference("Patient/p1")}, {"entity": reference("Patient/p2")}],
    },
    {
        "resourceType": "Device",
        "id": "dev",
        "deviceName": [{"name": "Kyphon", "type": "user-friendly-name"}],
        "type": {"coding": [{"code": "cement"}]},
    },
    {
        "resourceType": "Condition",
        "id": "c1",
        "subject": reference("Patient/p1"),
        "code": {"coding": [{"code": "leak"}]},
        "asserter": {"identifier": {"system": "urn:n", "value": "77"}},
    },
    observation(
        "o1",
        subject=reference("Patient/p1"),
        device=reference("Device/dev"),
        code={"coding": [{"system": LOINC, "code": "vas"}]},
    ),
    observation(
        "o2",
        subject=reference("Patient/p2"),
        code={"coding": [{"system": LOINC, "code": "crp"}], "text": "C-reactive protein"},
        hasMember=[reference("Observation/o1")],
    ),
    observation("o3", subject=reference("Group/g1"), derivedFrom=[reference("Observation/o2")]),
    observation("o4", subject=reference("http://elsewhere.org/fhir/Patient/p1")),
    observation("o5", subject={"type": "Patient", "identifier": {"system": "urn:s:mrn", "value": "X9"}}),
    {
        "resourceType": "Provenance",
        "id": "v1",
        "target": [reference("Observation/o1"), reference("Patient/p2")],
        "recorded": "2024-01-01T00:00:00Z",
        "agent": [{"who": reference("Device/dev")}],
    },
]
LINK_CASES = [
    *cases(
        "Observation",
        ("REF-1", "subject=Patient/p1", "o1"),
        ("REF-1", "subject=p1", "o1"),
        ("REF-1", "patient=p1", "o1"),
        ("REF-1 REF-2", "patient=Patient/p2", "o2"),
        ("REF-1", "subject=http://localhost/fhir/Patient/p1", "o1"),
        ("REF-1", "subject=http://elsewhere.org/fhir/Patient/p1", "o4"),
        ("REF-2", "subject:Patient=p2", "o2"),
        ("REF-2", "subject:Group=p2", ""),
        ("REF-2", "subject:Group=g1", "o3"),
        ("REF-3", "subject:identifier=urn:s:mrn|X9", "o5"),
        ("REF-3", "patient:identifier=X9", "o5"),
        ("MOD-1 REF-2", "patient:missing=true", "o3"),
        ("CHN-1", "subject:Patient.name=pet", "o1"),
        ("CHN-1", "patient.name=pet", "o1"),
        ("CHN-1", "patient.name:exact=Peters", "o1"),
        ("CHN-1", "patient.gender:missing=true", "o2"),
        ("CHN-1", "patient._id=p1", "o1"),
        ("CHN-1", "subject:Group.member:Patient.name=quint", "o3"),
        ("CHN-1", "subject:Group.member:Patient.name=quint", "o3"),
        ("CHN-1", "device.device-name=kyph", "o1"),
        ("CHN-1", "has-member:Observation.patient.name=pet", "o2"),
        ("CHN-1", "derived-from:Observation.has-member:Observation.patient.name=pet", "o3"),
        ("CHN-1", "patient.name=pet&patient.gender=female", ""),
        ("CHN-1 AND-1", "patient.name=pet,quint", "o1 o2"),
        ("TOK-4", "code:text=c react", "o2"),
        ("TOK-4", "code:text=c-reactive", "o2"),
        ("HAS-1", "_has:Provenance:target:recorded=2024", "o1"),
        ("HAS-1", "_has:Observation:has-member:code=crp", "o1"),
        ("HAS-1", "_has:Observation:has-member:_has:Observation:derived-from:subject=Group/g1", "o1"),
        ("BASE-1 CHN-1", "_filter=patient.name co eter", "o1"),
        ("BASE-1 CHN-1", "_filter=subject re Patient/p1 or subject:Group.member:Patient.name eq quint", "o1 o3"),
        ("TOK-6", "code:in=http://e.org/vs", "o1"),
        ("TOK-6 BASE-1", "_filter=code in http://e.org/vs or code sb http://loinc.org|vas10", "o1"),
        ("TOK-6 TOK-5", "code:not-in=http://e.org/vs&patient:missing=false", "o2 o4 o5"),
        ("TOK-7", f"code:below={LOINC}|pain", "o1"),
        ("TOK-7", f"code:below={LOINC}|vas", "o1"),
        ("TOK-7", f"code:above={LOINC}|vas10", "o1"),
    ),
    *cases(
        "Patient",
        ("HAS-1", "_has:Observation:patient:code=vas", "p1"),
        ("HAS-1", "_has:Observation:patient:code=vas,crp", "p1 p2"),
        ("HAS-1", "_has:Observation:patient:code=vas&_has:Condition:patient:code=leak", "p1"),
        ("HAS-1", "_has:Observation:patient:code:not=vas", "p2"),
        ("HAS-1", "_has:Group:member:code=cohort", "p1 p2"),
        ("HAS-1 CHN-1", "_has:Observation:patient:device.device-name=kyphon", "p1"),
        ("CHN-1", "link:Patient.name=pet", "p2"),
    ),
    *cases("Condition", ("REF-3", "asserter:identifier=urn:n|77", "c1"), ("REF-3", "asserter:identifier=urn:n|78", "")),
    *cases(
        "Provenance",
        ("REF-1", "target=Observation/o1", "v1"),
        ("REF-1", "patient=p2", "v1"),
        ("REF-1", "patient=p1", ""),
    ),
]
TREES = [
    {"resourceType": "Procedure", "id": "whole", "status": "completed", "subject": reference("Patient/p")},
    *(
        {
            "resourceType": "Procedure",
            "id": name,
            "status": "completed",
            "subject": reference("Patient/p"),
            "partOf": [reference(f"Procedure/{whole}")],
            "instantiatesCanonical": [f"http://e.org/plan{version}"],
        }
        for name, whole, version in (("part", "whole", "|1.2.3"), ("piece", "part", "|1.3"), ("bit", "piece", ""))
    ),
    *(
        {
            "resourceType": "DocumentReference",
            "id": name,
            "status": "current",
            "content": [{"attachment": {"contentType": mime}}],
        }
        for name, mime in (("png", "image/png"), ("html", "text/html; charset=utf-8"), ("plain", "text/plain"))
    ),
]
TREE_CASES = [
    *cases(
        "Procedure",
        ("REF-4", "part-of:below=whole", "part piece bit"),
        ("REF-4", "part-of:below=Procedure/part", "piece bit"),
        ("REF-4", "part-of=Procedure/part", "piece"),
        ("REF-4", "part-of:above=Procedure/piece", "part piece bit"),
        ("REF-4", "part-of:above=Procedure/whole", "part"),
        ("REF-4", "instantiates-canonical=http://e.org/plan", "part piece bit"),
        ("REF-4", "instantiates-canonical=http://e.org/plan|1.3", "piece"),
        ("REF-4", "instantiates-canonical=http://e.org/plan|1", ""),
        ("REF-4", "instantiates-canonical:below=http://e.org/plan|1", "part piece"),
        ("REF-4", "instantiates-canonical:below=http://e.org/plan|1.2", "part"),
        ("REF-4", "instantiates-canonical:below=http://e.org/plan", "part piece bit"),
    ),
    *cases(
        "DocumentReference",
        ("TOK-7", "contenttype=image/png", "png"),
        ("TOK-7", "contenttype:below=image", "png"),
        ("TOK-7", "contenttype:below=text/", "html plain"),
        ("TOK-7", "contenttype:below=text/html", "html"),
        ("TOK-7", "contenttype:below=text/*,image", "html plain png"),
    ),
]
STORES = {
    "trees": (TREES, TREE_CASES),
    "dates": (DATES, DATE_CASES),
    "quantities": (QUANTITIES, QUANTITY_CASES),
    "patients": (PATIENTS, PATIENT_CASES),
    "links": (LINKED, LINK_CASES),
}


class Terms:
    """A terminology of one value set and one small tree: pain > vas > vas10."""

    def codes_in(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        return frozenset({(LOINC, "vas")}) if value_set == "http://e.org/vs" else None

    def descendants(self, system: str, code: str) -> frozenset[str] | None:
        tree = ["pain", "vas", "vas10"]
        return frozenset(tree[tree.index(code) :]) if system == LOINC and code in tree else None

    def ancestors(self, system: str, code: str) -> frozenset[str] | None:
        tree = ["pain", "vas", "vas10"]
        return frozenset(tree[: tree.index(code) + 1]) if system == LOINC and code in tree else None
