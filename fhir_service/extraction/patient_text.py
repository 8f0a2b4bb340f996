"""A patient of a report: the sentences and table parts that speak of the patient."""

from __future__ import annotations

from dataclasses import dataclass, field

from fhir_service.extraction.document import Sentence
from fhir_service.extraction.patient_columns import Column
from fhir_service.extraction.patient_grid import GridPatient
from fhir_service.extraction.patient_rows import Row
from fhir_service.extraction.people import Person


@dataclass(eq=False)
class PatientText:
    """One patient: the leading sentences (`case`) in order, what is said again elsewhere (`echo`), and table parts."""

    number: int
    case: list[Sentence] = field(default_factory=list)
    echo: list[Sentence] = field(default_factory=list)
    people: list[tuple[Sentence, Person]] = field(default_factory=list)
    row: Row | None = None
    column: Column | None = None
    grid: GridPatient | None = None
    """The patient's part of the report's own table, where the text gives no age."""
    together: list[Sentence] = field(default_factory=list)
    """What is said of all the reported patients together."""
    speaks: bool = False
    """The patient writes of herself or himself, in the first person."""
    label: int | None = None
    """The number a heading or a sentence gives the case."""

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        return (*self.case, *self.echo)


def somebody_else(person: Person, patient: PatientText) -> bool:
    """Whether this person cannot be that patient: another age, another sex, or a new introduction without either."""
    for _, known in patient.people:
        if person.stated_age and known.stated_age and person.stated_age != known.stated_age:
            return True
        if person.sex and known.sex and person.sex != known.sex:
            return True
    return False
