"""Groups and rules, compiled to closures when a map is loaded.

A group is compiled once for each combination of types it is called with, so that every element is looked up and
checked before anything runs. A frame is a list: one place for each variable of the group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from fhir_service.fhir.fhirpath import Expression, FhirPathError, compile_node
from fhir_service.mapping import syntax
from fhir_service.mapping.default_groups import find_default_group
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.inference import head_names, infer, unknown_variables
from fhir_service.mapping.run import Place, Run
from fhir_service.mapping.scope import Code, Frame, Scope
from fhir_service.mapping.shapes import Shape, Shapes
from fhir_service.mapping.sources import build_source
from fhir_service.mapping.targets import build_target
from fhir_service.mapping.transforms import Made, Surroundings, Value, parameter, transform
from fhir_service.mapping.values import assignable
from fhir_service.terminology.concept_maps import BrokenConceptMap, ConceptMap, UnknownConceptMap


class Module(Protocol):
    """A loaded map: what its names stand for."""

    @property
    def tree(self) -> syntax.StructureMap: ...

    def group(self, name: str) -> tuple[Module, syntax.Group]:
        """The group of that name, here or in an imported map. Raises Fault."""
        ...

    def groups(self) -> list[tuple[Module, syntax.Group]]:
        """Every group that can be named here."""
        ...

    def concept_map(self, url: str) -> ConceptMap:
        """Embedded (`#name`) or of the service. Raises UnknownConceptMap and BrokenConceptMap."""
        ...


Argument = tuple[Shape | None, bool]
"""The shape of what a group is called with, and whether content decided it."""


@dataclass(slots=True)
class GroupCode:
    """A compiled group. `initial` is its empty frame: parameters first."""

    place: Place
    initial: Frame = field(default_factory=list)
    rules: list[Code] = field(default_factory=list)

    def __call__(self, run: Run, arguments: list[Any]) -> None:
        run.enter(self.place)
        frame = self.initial[:]
        frame[: len(arguments)] = arguments
        for rule in self.rules:
            rule(run, frame)
        run.depth -= 1


class Interpreter:
    """Compiles groups, each once for each combination of types."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self._compiled: dict[tuple[str, str, tuple[tuple[str | None, bool], ...]], GroupCode] = {}

    def group(self, module: Module, group: syntax.Group, arguments: tuple[Argument, ...]) -> GroupCode:
        """The code of a group for arguments of these shapes. Raises MappingError."""
        key = (
            module.tree.url,
            group.name,
            tuple((shape.name if shape is not None else None, lenient) for shape, lenient in arguments),
        )
        if key not in self._compiled:
            place = Place(module.tree.url, module.tree.name, group.name, "", group.position)
            code = self._compiled[key] = GroupCode(place)
            try:
                _GroupBuilder(self, module, group).build(code, arguments)
            except BaseException:
                del self._compiled[key]
                raise
        return self._compiled[key]

    def declared(self, module: Module, entry: syntax.Input) -> Shape | None:
        """The shape a parameter is declared with; None where it has no type, or one without a definition. Raises Fault."""
        return None if entry.type is None else declared_type(self.shapes, module.tree, entry.type)


def declared_type(shapes: Shapes, tree: syntax.StructureMap, name: str) -> Shape | None:
    """What a type name means in a map: an alias of `uses`, else a FHIR type. Raises Fault."""
    for structure in tree.structure:
        if name in (structure.alias, structure.url) or (structure.alias is None and structure.url.endswith("/" + name)):
            return shapes.by_url(structure.url)
    found = shapes.named(name)
    if found is None:
        raise Fault(f"there is no type {name}; declare it with uses")
    return found


class _GroupBuilder:
    """Compiles one group of one map."""

    def __init__(self, interpreter: Interpreter, module: Module, group: syntax.Group) -> None:
        self.interpreter, self.module, self.group = interpreter, module, group
        self.shapes = interpreter.shapes
        self.around = Surroundings(self.shapes, self._expression, self._infer, self._concept_map, self._type_named)

    def build(self, code: GroupCode, arguments: tuple[Argument, ...]) -> None:
        scope = Scope()
        for entry, (shape, lenient) in zip(self.group.input, arguments, strict=True):
            scope.define(entry.name, shape, entry.mode, lenient=lenient)
        code.initial = scope.initial
        with _placed(code.place):
            for name, expression in self.module.tree.constant:
                self._constant(scope, name, expression)
        self._rules_into(code, scope, arguments)

    def _rules_into(self, code: GroupCode, scope: Scope, arguments: tuple[Argument, ...]) -> None:
        if self.group.extends is not None:
            with _placed(code.place):
                module, base = self.module.group(self.group.extends)
                if len(base.input) != len(self.group.input):
                    raise Fault(f"{base.name} has {len(base.input)} parameters, {self.group.name} another number")
            inner = scope.child()
            for mine, theirs in zip(self.group.input, base.input, strict=True):
                inner.bind(theirs.name, scope.find(mine.name))
            _GroupBuilder(self.interpreter, module, base)._rules_into(code, inner, arguments)
        code.rules += [self._rule(rule, scope) for rule in self.group.rule]

    def _rule(self, rule: syntax.Rule, scope: Scope) -> Code:
        place = self._place(rule)
        with _placed(place):
            if rule.shorthand:
                return self._shorthand(rule, scope, place)
            return self._sources(rule, 0, scope, place, lambda inner: self._body(rule, inner, scope, place))

    def _sources(self, rule: syntax.Rule, at: int, scope: Scope, place: Place, then: Callable[[Scope], Code]) -> Code:
        def follow(inner: Scope) -> Code:
            if at + 1 < len(rule.source):
                return self._sources(rule, at + 1, inner, place, then)
            with _placed(place):
                return then(inner)

        return build_source(self.shapes, rule.source[at], scope, place, self._condition, follow)

    def _body(self, rule: syntax.Rule, scope: Scope, around: Scope, place: Place) -> Code:
        """What a rule does for one item; `around` is the scope it shares targets in with the rules beside it."""
        codes = [self._target(target, scope, around, place) for target in rule.target]
        codes += [self._dependent(entry, scope, place) for entry in rule.dependent]
        inner = scope.child()
        nested = [self._rule(entry, inner) for entry in rule.rule]
        if any(target.list_rule_id is not None for entry in rule.rule for target in entry.target):
            codes.append(_forget(inner.shares))
        return _sequence(codes + nested)

    def _target(self, target: syntax.Target, scope: Scope, around: Scope, place: Place) -> Code:
        here = replace(place, position=target.position)
        with _placed(here):
            if "collate" in target.list_mode:
                raise Fault("the target list mode collate is not defined well enough to be run")
            made: Made | None = None
            if target.transform is not None:
                made = transform(self.around, target.transform, target.parameter, scope)
            return build_target(self.shapes, target, made, scope, around, here)

    def _dependent(self, entry: syntax.Dependent, scope: Scope, place: Place) -> Code:
        here = replace(place, position=entry.position)
        with _placed(here):
            module, group = self.module.group(entry.name)
            if len(entry.parameter) != len(group.input):
                raise Fault(f"{entry.name} takes {len(group.input)} parameters, {len(entry.parameter)} were given")
            given = [
                self._argument(module, entry.name, wanted, actual, scope)
                for wanted, actual in zip(group.input, entry.parameter, strict=True)
            ]
            code = self.interpreter.group(module, group, tuple(argument for _, argument in given))
        return _call(code, [value for value, _ in given])

    def _argument(
        self, module: Module, name: str, wanted: syntax.Input, actual: syntax.Parameter, scope: Scope
    ) -> tuple[Value, Argument]:
        lenient, mode = False, "source"
        if isinstance(actual, syntax.Name):
            variable = scope.find(actual.name)
            lenient, mode = variable.lenient, variable.mode
        made = parameter(self.around, actual, scope)
        if wanted.mode == "target" and mode != "target":
            raise Fault(f"{name} writes to {wanted.name}, a source was given")
        declared = self.interpreter.declared(module, wanted)
        shape = made.shape
        if shape is None or declared is None:
            shape = shape or declared
        elif not assignable(self.shapes, shape, declared.name) and not _same_json(shape, declared):
            raise Fault(f"{name} wants a {declared.name} as {wanted.name}, a {shape.name} was given")
        return made.value, (shape, lenient)

    def _shorthand(self, rule: syntax.Rule, scope: Scope, place: Place) -> Code:
        """`a.x -> b.y`: the default group of the two types carries on; without one the value is copied."""
        source, target = rule.source[0], rule.target[0]
        named = replace(source, variable="$value")

        def then(inner: Scope) -> Code:
            variable = inner.find("$value")
            found = self._default_group(variable.shape, target, inner)
            if found is None:
                copied = Made(_slot_value(variable.slot), variable.shape)
                return build_target(self.shapes, target, copied, inner, scope, place)
            module, group, wanted = found
            made: Made | None = None
            if "." not in wanted.name:
                made = transform(self.around, "create", (syntax.Literal(wanted.name),), inner)
            opened = build_target(self.shapes, replace(target, variable="$made"), made, inner, scope, place)
            result = inner.find("$made")
            code = self.interpreter.group(module, group, ((variable.shape, variable.lenient), (result.shape, False)))
            return _sequence([opened, _call(code, [_slot_value(variable.slot), _slot_value(result.slot)])])

        def placed(inner: Scope) -> Code:
            with _placed(place):
                return then(inner)

        return build_source(self.shapes, named, scope, place, self._condition, placed)

    def _default_group(
        self, given: Shape | None, target: syntax.Target, scope: Scope
    ) -> tuple[Module, syntax.Group, Shape] | None:
        context = scope.find(target.context or "")
        slot = context.shape.slots.get(target.element or "") if context.shape is not None else None
        if given is None or slot is None:
            return None
        candidates = [
            (
                module,
                group,
                self.interpreter.declared(module, group.input[0]),
                self.interpreter.declared(module, group.input[1]),
            )
            for module, group in self.module.groups()
            if group.type_mode != "none" and len(group.input) == 2
        ]
        return find_default_group(candidates, given, [entry.shape for entry in slot.properties])

    def _condition(self, expression: syntax.Expression, scope: Scope) -> Expression:
        return self._expression(expression, scope, False)

    def _expression(self, expression: syntax.Expression, scope: Scope, names_only: bool) -> Expression:
        slots = scope.slots()
        unknown = unknown_variables(expression.node, slots)
        if names_only:
            unknown += [name for name in head_names(expression.node) if name not in slots]
        if unknown:
            raise Fault(f"there is no variable {unknown[0]} here; known are {', '.join(slots) or 'none'}")
        return compile_node(expression.text, expression.node, slots)

    def _infer(self, expression: syntax.Expression, scope: Scope) -> Shape | None:
        return infer(self.shapes, expression.node, scope.variables())

    def _constant(self, scope: Scope, name: str, expression: syntax.Expression) -> None:
        compiled = self._expression(expression, scope, True)
        variable = scope.define(name, self._infer(expression, scope), "source")
        scope.initial[variable.slot] = compiled.single(None, scope.initial)

    def _concept_map(self, url: str) -> ConceptMap:
        try:
            return self.module.concept_map(url)
        except (UnknownConceptMap, BrokenConceptMap) as error:
            raise Fault(str(error)) from error

    def _type_named(self, name: str) -> Shape:
        found = declared_type(self.shapes, self.module.tree, name)
        if found is None:
            raise Fault(f"nothing is known of the type {name}")
        return found

    def _place(self, rule: syntax.Rule) -> Place:
        tree = self.module.tree
        return Place(tree.url, tree.name, self.group.name, rule.name, rule.position)


class _placed:  # noqa: N801  # reads as a statement: with _placed(…)
    """Turns a Fault, or an error of FHIRPath, into a MappingError that tells the place."""

    __slots__ = ("_place",)

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Fault | FhirPathError):
            raise self._place.error(str(error)) from error


def _same_json(given: Shape, wanted: Shape) -> bool:
    return given.kind == wanted.kind == "primitive"


def _slot_value(slot: int) -> Value:
    return lambda run, frame: frame[slot]


def _call(code: GroupCode, values: list[Value]) -> Code:
    def call(run: Run, frame: Frame) -> None:
        code(run, [value(run, frame) for value in values])

    return call


def _forget(shares: Mapping[str, int]) -> Code:
    """Shared targets of nested rules last for one item of the rule around them."""

    def forget(_run: Run, frame: Frame) -> None:
        for slot in shares.values():
            frame[slot] = None

    return forget


def _sequence(codes: list[Code]) -> Code:
    if len(codes) == 1:
        return codes[0]
    if len(codes) == 2:
        first, second = codes

        def both(run: Run, frame: Frame) -> None:
            first(run, frame)
            second(run, frame)

        return both

    def all_of_them(run: Run, frame: Frame) -> None:
        for code in codes:
            code(run, frame)

    return all_of_them
