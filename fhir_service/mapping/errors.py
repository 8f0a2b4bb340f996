"""What can go wrong with a map, while it is read or while it runs."""

from __future__ import annotations

from fhir_service.fhir.errors import UnprocessableContent
from fhir_service.fhir.fhirpath_budget import TooCostly
from fhir_service.fhir.nodes import ContentFault


class MappingError(UnprocessableContent):
    """A map that cannot be used, or a source that cannot be mapped (422).

    `line` and `column` count from 1, 0: none; `path` is the place in a map that came as a StructureMap resource.
    """

    code = "processing"

    def __init__(
        self,
        problem: str,
        *,
        map_name: str = "",
        group: str = "",
        rule: str = "",
        line: int = 0,
        column: int = 0,
        path: str = "",
    ) -> None:
        self.problem, self.map_name, self.group, self.rule = problem, map_name, group, rule
        self.line, self.column, self.path = line, column, path
        place = [f"map {map_name}"] if map_name else []
        place += [f"line {line}, column {column}"] if line else []
        place += [path] if path else []
        place += [f"group {group}"] if group else []
        place += [f"rule {rule}"] if rule else []
        super().__init__(f"{', '.join(place)}: {problem}" if place else problem, expression=(path,) if path else ())

    def called_from(self, map_name: str, place: str) -> MappingError:
        """The same error, for a group whose types are those of the call at `place`."""
        return type(self)(
            f"{self.problem} (called from {map_name}, {place})",
            map_name=self.map_name,
            group=self.group,
            rule=self.rule,
            line=self.line,
            column=self.column,
            path=self.path,
        )


class MappingLimit(MappingError):
    """A run that takes too many steps, too long, writes too much, or nests too deeply; `rule` is where it was cut."""

    code = "too-costly"


class Fault(ContentFault):
    """Something is wrong at the place that is being read or run; whoever knows the place makes it a MappingError."""


class Exhausted(Fault, TooCostly):
    """The run has used up what it may use; whoever knows the place makes it a MappingLimit."""
