"""What can go wrong with a map, while it is read or while it runs."""

from __future__ import annotations

from fhir_service.fhir.errors import UnprocessableContent
from fhir_service.fhir.nodes import ContentFault


class MappingError(UnprocessableContent):
    """A map that cannot be used, or a source that cannot be mapped (422). Line and column count from 1; 0: none."""

    code = "processing"

    def __init__(
        self, problem: str, *, map_name: str = "", group: str = "", rule: str = "", line: int = 0, column: int = 0
    ) -> None:
        self.problem, self.map_name, self.group, self.rule = problem, map_name, group, rule
        self.line, self.column = line, column
        place = [f"map {map_name}"] if map_name else []
        place += [f"line {line}, column {column}"] if line else []
        place += [f"group {group}"] if group else []
        place += [f"rule {rule}"] if rule else []
        super().__init__(f"{', '.join(place)}: {problem}" if place else problem)

    def called_from(self, map_name: str, line: int) -> MappingError:
        """The same error, for a group whose types are those of this call."""
        return MappingError(
            f"{self.problem} (called from {map_name}, line {line})",
            map_name=self.map_name,
            group=self.group,
            rule=self.rule,
            line=self.line,
            column=self.column,
        )


class MappingLimit(MappingError):
    """A run that takes too many steps, too long, writes too much, or nests too deeply; `rule` is where it was cut."""

    code = "too-costly"


class Fault(ContentFault):
    """Something is wrong at the place that is being read or run; whoever knows the place makes it a MappingError."""


class Exhausted(Fault):
    """The run has used up what it may use; whoever knows the place makes it a MappingLimit."""
