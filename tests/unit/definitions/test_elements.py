"""The element catalogue answers what a mapping, a search index or a validator asks about R4."""

import pytest

from fhir_service.definitions import elements


def test_every_r4_resource_type_is_there_and_no_abstract_one() -> None:
    assert len(elements.resource_types()) == 146
    assert {"Patient", "AdverseEvent", "Bundle", "Parameters"} <= elements.resource_types()
    assert not {"Resource", "DomainResource", "HumanName"} & elements.resource_types()


def test_a_path_leads_through_data_types() -> None:
    assert elements.element("Patient", "contact.name.family").types == ("string",)
    assert elements.element("Observation", "component.valueQuantity.value").types == ("decimal",)


def test_a_path_leads_through_content_references() -> None:
    assert elements.element("Questionnaire", "item.item.item.code").types == ("Coding",)
    assert elements.holder_at("Questionnaire", "item.item") == "Questionnaire.item"


@pytest.mark.parametrize("path", ["value", "value[x]"])
def test_a_choice_named_by_its_stem_has_all_its_types(path: str) -> None:
    assert elements.choice_types("Observation", path)[:3] == ("Quantity", "CodeableConcept", "string")
    assert len(elements.choice_types("Observation", path)) == 11


def test_a_choice_named_with_its_type_has_that_one() -> None:
    assert elements.choice_types("Observation", "valueCodeableConcept") == ("CodeableConcept",)
    assert elements.holder_at("Observation", "valueCodeableConcept") == "CodeableConcept"


def test_it_tells_which_elements_repeat() -> None:
    assert elements.is_list("Patient", "name.given")
    assert not elements.is_list("Patient", "name.family")
    assert elements.is_list("Condition", "bodySite")
    assert not elements.is_list("Observation", "bodySite")


def test_it_tells_what_a_reference_may_point_at_and_what_a_code_is_bound_to() -> None:
    assert elements.element("Condition", "subject").targets["Reference"] == ("Group", "Patient")
    assert elements.element("Condition", "subject").min == 1
    binding = elements.element("Patient", "gender").binding
    assert binding == elements.Binding("required", "http://hl7.org/fhir/ValueSet/administrative-gender")


def test_the_id_of_a_resource_is_an_id_and_that_of_an_element_a_string() -> None:
    assert elements.element("Patient", "id").types == ("id",)
    assert elements.element("HumanName", "id").types == ("string",)
    assert elements.element("Patient", "contact.id").types == ("string",)


def test_json_properties_spell_choices_out() -> None:
    found = elements.properties("Patient")
    assert found["deceasedDateTime"].name == "deceased[x]"
    assert found["deceasedDateTime"].type == "dateTime"
    assert "deceased" not in found
    assert found["contact"].holder == "Patient.contact"
    assert found["name"].holder == "HumanName"


def test_derivation_is_known() -> None:
    assert elements.is_a("Age", "Quantity")
    assert elements.is_a("Patient", "DomainResource")
    assert elements.is_a("Bundle", "Resource")
    assert not elements.is_a("Bundle", "DomainResource")
    assert not elements.is_a("nothing", "Resource")


@pytest.mark.parametrize(
    ("type_name", "path"),
    [
        ("Patient", "surname"),
        ("Observation", "valueAddress"),
        ("Observation", "value.code"),
        ("Patient", "birthDate.year"),
        ("Patiant", "name"),
        ("Patient", ""),
    ],
)
def test_what_r4_does_not_have_is_an_error(type_name: str, path: str) -> None:
    with pytest.raises(elements.UnknownElement):
        elements.element(type_name, path)
