"""The transforms of the mapping language (R4 StructureMap-Transform), each compiled to what makes one value.

A transform that is given nothing gives nothing. What can be told while the map is loaded (names, numbers of
parameters, concept maps, types) is told then, as a Fault.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from fhir_service.fhir.nodes import Node, PrimitiveNode
from fhir_service.mapping import data_type_transforms as data_types
from fhir_service.mapping import syntax
from fhir_service.mapping import text_transforms as text
from fhir_service.mapping.choices import of_choice
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.made import Made, Surroundings
from fhir_service.mapping.scope import NO_SLOT, Scope, Variable
from fhir_service.mapping.translation import translate


def transform(around: Surroundings, name: str, parameters: tuple[syntax.Parameter, ...], scope: Scope) -> Made:
    """The compiled transform. Raises Fault."""
    if name == "dateOp":
        raise Fault("FHIR names dateOp, but neither R4 nor R5 defines it; say it with evaluate")
    if name == "create":
        return _create(around, parameters)
    if name == "evaluate":
        return _evaluate(around, parameters, scope)
    builder = _BUILDERS.get(name)
    if builder is None:
        raise Fault(f"there is no transform {name}")
    low, high, build = builder
    if not low <= len(parameters) <= high:
        raise Fault(f"{name} takes {_count(low, high)}, {len(parameters)} were given")
    return build(around, [parameter(around, entry, scope) for entry in parameters])


def parameter(around: Surroundings, entry: syntax.Parameter, scope: Scope) -> Made:
    """What a parameter stands for. Raises Fault."""
    if isinstance(entry, syntax.Literal):
        constant = entry.value
        return Made(lambda _run, _frame: constant, around.shape(_literal_type(constant)), constant)
    if isinstance(entry, syntax.Name):
        variable = scope.find(entry.name)
        slot = variable.slot
        return Made(lambda _run, frame: frame[slot], variable.shape)
    return _evaluate(around, (entry,), scope)


def _count(low: int, high: int) -> str:
    return (
        f"{low} parameters"
        if low == high
        else f"{low} or more parameters"
        if high > 9
        else f"{low} to {high} parameters"
    )


def _literal_type(constant: syntax.Constant) -> str:
    if isinstance(constant, bool):
        return "boolean"
    if isinstance(constant, int):
        return "integer"
    return "decimal" if isinstance(constant, Decimal) else "string"


def _create(around: Surroundings, parameters: tuple[syntax.Parameter, ...]) -> Made:
    if len(parameters) != 1 or not isinstance(parameters[0], syntax.Literal):
        raise Fault("create takes the name of a type, in quotes")
    shape = around.type_named(str(parameters[0].value))
    if shape.kind == "primitive":
        return Made(lambda _run, _frame: PrimitiveNode(shape), shape)
    if shape.is_abstract:
        raise Fault(f"a {shape.name} cannot be created")
    return Made(lambda _run, _frame: Node(shape), shape)


def _evaluate(around: Surroundings, parameters: tuple[syntax.Parameter, ...], scope: Scope) -> Made:
    *context, expression = parameters
    if not isinstance(expression, syntax.Expression):
        raise Fault("evaluate takes a FHIRPath expression")
    if not context:
        compiled, shape = around.expression(expression, scope, True)
        single, this = compiled.single, scope.this
        if (choice := around.choice(expression, scope)) is not None:
            return of_choice(around.shapes, *choice, NO_SLOT if this is None else this.slot)
        return Made(lambda _run, frame: single(None if this is None else frame[this.slot], frame), shape)
    start = parameter(around, context[0], scope)
    inner = scope.child()
    inner.this = Variable(NO_SLOT, start.shape, "source")
    compiled, shape = around.expression(expression, inner, False)
    single, focus_of = compiled.single, start.value
    return Made(lambda run, frame: None if (focus := focus_of(run, frame)) is None else single(focus, frame), shape)


def _copy(_: Surroundings, given: list[Made]) -> Made:
    return given[0]


_ANY = 1000


_BUILDERS: dict[str, tuple[int, int, Callable[[Surroundings, list[Made]], Made]]] = {
    "copy": (1, 1, _copy),
    "truncate": (2, 2, text.truncate),
    "escape": (2, 3, text.escape),
    "cast": (1, 2, text.cast_to),
    "append": (1, _ANY, text.append),
    "translate": (2, 3, translate),
    "reference": (1, 1, data_types.reference),
    "uuid": (0, 0, text.uuid),
    "pointer": (1, 1, data_types.pointer),
    "cc": (1, 3, data_types.concept),
    "c": (2, 3, data_types.coding),
    "qty": (1, 4, data_types.quantity),
    "id": (2, 3, data_types.identifier),
    "cp": (1, 2, data_types.contact_point),
}
