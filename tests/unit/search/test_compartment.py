from __future__ import annotations

import pytest

from fhir_service.definitions.compartments import compartment, compartment_types
from fhir_service.search.compartment import compartment_criterion, compartment_hashes
from fhir_service.search.criteria import AnyOf, HasTerm, IdCriterion
from fhir_service.search.parameters import indexed_parameters
from fhir_service.search.terms import hash_of, reference_term


def test_r4_has_five_compartments() -> None:
    assert compartment_types() == {"Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"}


@pytest.mark.rule("SRC-3", "EVT-3")
@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("AdverseEvent", ("subject",)),
        ("Condition", ("patient", "asserter")),
        ("DocumentReference", ("subject", "author")),
        ("Group", ("member",)),
        ("Observation", ("subject", "performer")),
        ("Procedure", ("patient", "performer")),
        ("Provenance", ("patient",)),
    ],
)
def test_a_member_refers_to_the_patient(kind: str, parameters: tuple[str, ...]) -> None:
    assert compartment("Patient")[kind] == parameters
    found = compartment_criterion("Patient", "p", kind)
    assert isinstance(found, HasTerm)
    names = [indexed_parameters(kind)[code].indexed_as for code in parameters]
    assert found.terms == tuple(reference_term(kind, name, "Patient/p") for name in names)


@pytest.mark.rule("SRC-3")
def test_the_patient_is_in_its_own_compartment() -> None:
    link = HasTerm((reference_term("Patient", "link", "Patient/p"),))
    assert compartment_criterion("Patient", "p", "Patient") == AnyOf((IdCriterion(("p",)), link))
    assert compartment_criterion("Encounter", "e", "Encounter") == IdCriterion(("e",))


@pytest.mark.rule("EVT-3")
@pytest.mark.parametrize(
    ("compartment_type", "kind"), [("Patient", "Device"), ("Patient", "Organization"), ("Group", "Patient"), ("X", "X")]
)
def test_what_has_no_part_in_a_compartment_has_no_criterion(compartment_type: str, kind: str) -> None:
    assert compartment_criterion(compartment_type, "a", kind) is None


def test_only_where_every_member_is_the_patients_own_does_its_partition_hold_them_all() -> None:
    def patient(kind: str) -> str | None:
        found = compartment_criterion("Patient", "p", kind)
        assert isinstance(found, HasTerm)
        return found.patient

    assert patient("AdverseEvent") == "p"
    assert patient("Observation") is None


def test_a_group_is_not_about_one_patient() -> None:
    found = compartment_hashes("p", ["Group", "Observation"])
    assert found == [hash_of(reference_term("Observation", name, "Patient/p")) for name in ("subject", "performer")]


def test_every_parameter_of_a_compartment_is_indexed() -> None:
    missing = {
        f"{kind}.{code}"
        for one in compartment_types()
        for kind, codes in compartment(one).items()
        for code in codes
        if code not in indexed_parameters(kind)
    }
    assert missing == set()
