"""A ViewDefinition of SQL on FHIR v2 (https://sql-on-fhir.org), run over resources: one flat row each.

What is run: `resource`, `where`, and `select` with `column`s (`name`, `path`, `type`, `collection`). A view with
anything else (`forEach`, `unionAll`, `constant`) is refused when it is read. Paths are FHIRPath; `extension(url)`,
`ofType(Type)` behind a choice, `getResourceKey()` and `getReferenceKey(Type)` are put into simpler words first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any, NamedTuple

from fhir_service.fhir.fhirpath import Expression, FhirPathError, compile_node
from fhir_service.fhir.fhirpath_lexer import SyntaxFault
from fhir_service.fhir.fhirpath_parser import Binary, Call, Literal, Member, Node, This, parse_fhirpath
from fhir_service.fhir.nodes import plain

_KNOWN = {
    "view": frozenset(
        {
            *("resourceType", "id", "url", "version", "name", "title", "status", "experimental", "date", "publisher"),
            *("description", "resource", "fhirVersion", "where", "select"),
        }
    ),
    "select": frozenset({"column"}),
    "column": frozenset({"name", "path", "description", "type", "collection"}),
    "where": frozenset({"path", "description"}),
}


class BrokenView(ValueError):
    """A ViewDefinition that cannot be run; the message names it and what to mend."""


class Column(NamedTuple):
    """A column: one value a row, or a list where it is a `collection`."""

    name: str
    type: str
    collection: bool


class View:
    """A compiled ViewDefinition. Raises BrokenView."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.name = str(definition.get("name", "?"))
        self.resource = str(definition.get("resource", ""))
        self._only_known("view", definition)
        columns = [column for select in definition["select"] for column in self._columns(select)]
        self.columns = tuple(
            Column(column["name"], column.get("type", "string"), column.get("collection", False)) for column in columns
        )
        if len({column.name for column in self.columns}) < len(self.columns):
            raise BrokenView(f"the view {self.name} has two columns of one name")
        self._paths = [self._compiled(column["path"]) for column in columns]
        self._where = [self._compiled(entry["path"]) for entry in definition.get("where", ())]
        for entry in definition.get("where", ()):
            self._only_known("where", entry)

    def row(self, resource: Mapping[str, Any]) -> dict[str, Any] | None:
        """The row of a resource, None for one that the view is not about; what is not there is None or an empty list.

        Raises FhirPathError where a column gives several values and is no collection.
        """
        if resource.get("resourceType") != self.resource or not all(path.holds(resource) for path in self._where):
            return None
        return {
            column.name: self._cell(column, path, resource)
            for column, path in zip(self.columns, self._paths, strict=True)
        }

    def _cell(self, column: Column, path: Expression, resource: Mapping[str, Any]) -> Any:
        found = [value for item in path(resource) if (value := plain(item)) is not None]
        if any(isinstance(value, dict) for value in found):
            raise FhirPathError(f"the column {column.name} of the view {self.name} gives an object, not a value")
        if column.collection:
            return found
        if len(found) > 1:
            raise FhirPathError(f"the column {column.name} of the view {self.name} gives {len(found)} values")
        return found[0] if found else None

    def _columns(self, select: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        self._only_known("select", select)
        for column in select["column"]:
            self._only_known("column", column)
        return list(select["column"])

    def _only_known(self, part: str, entry: Mapping[str, Any]) -> None:
        if unknown := sorted(entry.keys() - _KNOWN[part]):
            raise BrokenView(f"the view {self.name} has {', '.join(unknown)} in its {part}, which is not run here")

    def _compiled(self, path: str) -> Expression:
        try:
            return compile_node(path, _plainer(parse_fhirpath(path)))
        except (SyntaxFault, FhirPathError) as error:
            raise BrokenView(f"the view {self.name}: {path}: {error}") from error


def text_of(value: Any) -> str:
    """A value as it is written in a cell: numbers with the digits they have."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _plainer(node: Node) -> Node:
    """The same expression in words of which each has a closure."""
    parts = {field.name: _part(getattr(node, field.name)) for field in fields(node)}
    plainer = replace(node, **parts)
    if isinstance(plainer, Call) and (special := _SPECIAL.get(plainer.name)) is not None:
        return special(plainer, plainer.of)
    return plainer


def _part(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_part(item) for item in value)
    return _plainer(value) if isinstance(value, Node) else value


def _extension(node: Call, of: Node | None) -> Node:
    """`extension('url')`: the extensions with that url."""
    here = node.start
    return Call(
        here, Member(here, of, "extension"), "where", (Binary(here, "=", Member(here, None, "url"), node.arguments[0]),)
    )


def _of_type(node: Call, of: Node | None) -> Node:
    """`value.ofType(Type)`: the choice as JSON names it."""
    (kind,) = node.arguments
    if not isinstance(of, Member) or not isinstance(kind, Member):
        raise FhirPathError("ofType stands behind a choice of types, and names a type")
    return Member(node.start, of.of, f"{of.name}{kind.name[0].upper()}{kind.name[1:]}")


def _resource_key(node: Call, of: Node | None) -> Node:
    if of is not None:
        raise FhirPathError("getResourceKey() is that of the resource itself")
    return Member(node.start, None, "id")


def _reference_key(node: Call, of: Node | None) -> Node:
    """`getReferenceKey(Type)`: the ids behind references to that type."""
    here, (kind,) = node.start, node.arguments
    if not isinstance(kind, Member):
        raise FhirPathError("getReferenceKey names a type")
    prefix = Literal(here, f"{kind.name}/")
    ours = Call(here, Member(here, of, "reference"), "where", (Call(here, This(here), "startsWith", (prefix,)),))
    return Call(here, ours, "select", (Call(here, This(here), "replace", (prefix, Literal(here, ""))),))


_SPECIAL = {
    "extension": _extension,
    "ofType": _of_type,
    "getResourceKey": _resource_key,
    "getReferenceKey": _reference_key,
}
