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
    initials: str | None = None

    _stated: tuple[set[object], set[str]] = field(default_factory=lambda: (set(), set()), repr=False)
    _counted: tuple[int, int] = field(default=(0, 0), repr=False)

    def stated(self) -> tuple[set[object], set[str]]:
        """The ages and the sexes stated of this patient so far."""
        which, counted = self._counted
        if which != id(self.people) or counted > len(self.people):
            self._stated, counted = (set(), set()), 0
        for _, person in self.people[counted:]:
            self._stated[0].update([person.stated_age] if person.stated_age else [])
            self._stated[1].update([person.sex] if person.sex else [])
        self._counted = id(self.people), len(self.people)
        return self._stated

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        return (*self.case, *self.echo)


def somebody_else(person: Person, patient: PatientText) -> bool:
    """Whether this person cannot be that patient: another age, another sex, or a new introduction without either."""
    ages, sexes = patient.stated()
    return bool(person.stated_age and ages - {person.stated_age}) or bool(person.sex and sexes - {person.sex})
