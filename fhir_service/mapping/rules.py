"""The rules of one group, compiled for the types it is called with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import RLock

from fhir_service.fhir.fhirpath import Expression, compile_node
from fhir_service.fhir.fhirpath_budget import seconds_left
from fhir_service.fhir.fhirpath_parser import Node, parse_fhirpath
from fhir_service.fhir.fhirpath_text import fhirpath_text
from fhir_service.mapping import syntax
from fhir_service.mapping.default_groups import find_default_group
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.inference import Sight, choice_at, head_names, infer, unknown_variables
from fhir_service.mapping.loaded_map import LoadedMap, declared_type
from fhir_service.mapping.made import Made, Surroundings, Value
from fhir_service.mapping.run import Place, placed
from fhir_service.mapping.scope import NO_SLOT, Code, Scope, Variable
from fhir_service.mapping.shapes import Shape, Shapes, Slot
from fhir_service.mapping.sources import build_source
from fhir_service.mapping.steps import Argument, GroupCode, call_group, forget, in_sequence, slot_value
from fhir_service.mapping.targets import build_target
from fhir_service.mapping.transforms import parameter, transform
from fhir_service.mapping.type_tests import tests_types, with_types
from fhir_service.mapping.values import assignable
from fhir_service.terminology.concept_maps import BrokenConceptMap, ConceptMap, UnknownConceptMap

CompileGroup = Callable[[LoadedMap, syntax.Group, tuple[Argument, ...], Place], GroupCode]


class GroupBuilder:
    """Compiles one group of one map."""

    def __init__(self, shapes: Shapes, compile_group: CompileGroup, module: LoadedMap, group: syntax.Group) -> None:
        self.shapes, self.module, self.group = shapes, module, group
        self.compile_group = compile_group
        self.around = Surroundings(self.shapes, self._expression, self._concept_map, self._type_named, self._choice)

    def build(self, code: GroupCode, arguments: tuple[Argument, ...], compiling: RLock) -> None:
        """`compiling` is held by whoever makes code of this group, now or while it runs."""
        scope = Scope(compiling=compiling)
        for entry, (shape, lenient) in zip(self.group.input, arguments, strict=True):
            scope.define(entry.name, shape, entry.mode, lenient=lenient)
        code.initial = scope.initial
        with placed(code.place):
            for name, expression in self.module.tree.constant:
                self._constant(scope, name, expression)
        self._rules_into(code, scope, arguments)

    def _rules_into(self, code: GroupCode, scope: Scope, arguments: tuple[Argument, ...]) -> None:
        if self.group.extends is not None:
            with placed(code.place):
                module, base = self.module.group(self.group.extends)
                if len(base.input) != len(self.group.input):
                    raise Fault(f"{base.name} has {len(base.input)} parameters, {self.group.name} another number")
            inner = scope.child()
            for mine, theirs in zip(self.group.input, base.input, strict=True):
                inner.bind(theirs.name, scope.find(mine.name))
            GroupBuilder(self.shapes, self.compile_group, module, base)._rules_into(code, inner, arguments)
        code.rules += [self._rule(rule, scope) for rule in self.group.rule]

    def _rule(self, rule: syntax.Rule, scope: Scope) -> Code:
        place = self._place(rule)
        with placed(place):
            seconds_left(0, "making the map ready")
            if rule.shorthand:
                return self._shorthand(rule, scope, place)
            return self._sources(rule, 0, scope, place, lambda inner: self._body(rule, inner, scope, place))

    def _sources(self, rule: syntax.Rule, at: int, scope: Scope, place: Place, then: Callable[[Scope], Code]) -> Code:
        def follow(inner: Scope) -> Code:
            if at + 1 < len(rule.source):
                return self._sources(rule, at + 1, inner, place, then)
            with placed(place):
                return then(inner)

        return build_source(
            self.shapes, rule.source[at], scope, place=place, compile_expression=self._condition, then=follow
        )

    def _body(self, rule: syntax.Rule, scope: Scope, around: Scope, place: Place) -> Code:
        """What a rule does for one item; `around` is the scope it shares targets in with the rules beside it."""
        codes = [self._target(target, scope, around, place) for target in rule.target]
        codes += [self._dependent(entry, scope, place) for entry in rule.dependent]
        inner = scope.child()
        nested = [self._rule(entry, inner) for entry in rule.rule]
        if any(target.list_rule_id is not None for entry in rule.rule for target in entry.target):
            codes.append(forget(inner.shares))
        return in_sequence(codes + nested)

    def _target(self, target: syntax.Target, scope: Scope, around: Scope, place: Place) -> Code:
        here = replace(place, position=target.position)
        with placed(here):
            made: Made | None = None
            if target.transform is not None and (target.transform != "create" or target.parameter):
                made = transform(self.around, target.transform, target.parameter, scope)
            return build_target(self.shapes, target, made, scope=scope, around=around, place=here)

    def _dependent(self, entry: syntax.Dependent, scope: Scope, place: Place) -> Code:
        here = replace(place, position=entry.position)
        with placed(here):
            module, group = self.module.group(entry.name)
            if len(entry.parameter) != len(group.input):
                raise Fault(f"{entry.name} takes {len(group.input)} parameters, {len(entry.parameter)} were given")
            given = [
                self._argument(module, entry.name, wanted, actual, scope)
                for wanted, actual in zip(group.input, entry.parameter, strict=True)
            ]
            code = self.compile_group(module, group, tuple(argument for _, argument in given), here)
        return call_group(code, [value for value, _ in given], here)

    def _argument(
        self, module: LoadedMap, name: str, wanted: syntax.Input, actual: syntax.Parameter, scope: Scope
    ) -> tuple[Value | int, Argument]:
        variable = scope.find(actual.name) if isinstance(actual, syntax.Name) else Variable(NO_SLOT, None, "source")
        lenient, mode = variable.lenient, variable.mode
        made = parameter(self.around, actual, scope)
        if wanted.mode == "target" and mode != "target":
            raise Fault(f"{name} writes to {wanted.name}, a source was given")
        declared = self._declared(module, wanted)
        shape = made.shape
        if shape is None or declared is None:
            shape = shape or declared
        elif not assignable(self.shapes, shape, declared.name) and not _same_json(shape, declared):
            raise Fault(f"{name} wants a {declared.name} as {wanted.name}, a {shape.name} was given")
        return made.value if variable.slot == NO_SLOT else variable.slot, (shape, lenient)

    def _shorthand(self, rule: syntax.Rule, scope: Scope, place: Place) -> Code:
        """`a.x -> b.y`: the default group of the two types carries on; without one the value is copied."""
        source, target = rule.source[0], rule.target[0]
        named = replace(source, variable="$value")

        def then(inner: Scope) -> Code:
            variable = inner.find("$value")
            found = self._default_group(variable.shape, target, inner)
            if found is None:
                copied = Made(slot_value(variable.slot), variable.shape)
                return build_target(self.shapes, target, copied, scope=inner, around=scope, place=place)
            module, group, wanted = found
            made: Made | None = None
            if "." not in wanted.name:
                made = transform(self.around, "create", (syntax.Literal(wanted.name),), inner)
            held = replace(target, variable="$made")
            opened = build_target(self.shapes, held, made, scope=inner, around=scope, place=place)
            result = inner.find("$made")
            arguments = ((variable.shape, variable.lenient), (result.shape, False))
            code = self.compile_group(module, group, arguments, place)
            return in_sequence([opened, call_group(code, [variable.slot, result.slot], place)])

        def follow(inner: Scope) -> Code:
            with placed(place):
                return then(inner)

        return build_source(self.shapes, named, scope, place=place, compile_expression=self._condition, then=follow)

    def _default_group(
        self, given: Shape | None, target: syntax.Target, scope: Scope
    ) -> tuple[LoadedMap, syntax.Group, Shape] | None:
        context = scope.find(target.context or "")
        slot = context.shape.slots.get(target.element or "") if context.shape is not None else None
        if given is None or slot is None:
            return None
        candidates = [
            (
                module,
                group,
                self._declared(module, group.input[0]),
                self._declared(module, group.input[1]),
            )
            for module, group in self.module.groups()
            if group.type_mode != "none" and len(group.input) == 2
        ]
        return find_default_group(candidates, given, [entry.shape for entry in slot.properties])

    def _condition(self, expression: syntax.Expression, scope: Scope) -> Expression:
        return self._expression(expression, scope, False)[0]

    def _expression(
        self, expression: syntax.Expression, scope: Scope, names_only: bool
    ) -> tuple[Expression, Shape | None]:
        slots = scope.slots()
        unknown = unknown_variables(expression.node, slots)
        if names_only:
            unknown += [name for name in head_names(expression.node) if name not in slots]
        if unknown:
            raise Fault(f"there is no variable {unknown[0]} here; known are {', '.join(slots) or 'none'}")
        text, node = self._with_types(expression.text, expression.node, scope)
        shape = infer(self._sight(scope), node)
        return self._compiled(expression.text, text, node, scope), shape

    def _choice(self, expression: syntax.Expression, scope: Scope) -> tuple[Expression, Slot] | None:
        found = choice_at(self._sight(scope), expression.node)
        if found is None:
            return None
        around, slot = found
        text, _ = self._with_types(fhirpath_text(around), around, scope)
        return self._compiled(expression.text, text, parse_fhirpath(text), scope), slot

    def _compiled(self, told: str, text: str, node: Node, scope: Scope) -> Expression:
        """`told` is how an error names it."""
        compiled = compile_node(text, node, scope.slots())
        if compiled.is_foreign:
            keys = fhirpath_text(with_types(replace(self._whole_sight(scope), by_key=True), node))
            compiled = compile_node(keys, parse_fhirpath(keys), scope.slots())
        compiled.text = told
        return compiled

    def _with_types(self, text: str, node: Node, scope: Scope) -> tuple[str, Node]:
        """The expression with its type tests answered as far as the types are known, and what is left of its text."""
        if not tests_types(node):
            return text, node
        text = fhirpath_text(with_types(self._whole_sight(scope), node))
        return text, parse_fhirpath(text)

    def _whole_sight(self, scope: Scope) -> Sight:
        """With the types that content has decided, too."""
        known = {name: replace(variable, lenient=False) for name, variable in scope.variables().items()}
        return Sight(self.shapes, known, scope.this.shape if scope.this else None)

    def _sight(self, scope: Scope) -> Sight:
        this = scope.this.shape if scope.this is not None and not scope.this.lenient else None
        return Sight(self.shapes, scope.variables(), this)

    def _constant(self, scope: Scope, name: str, expression: syntax.Expression) -> None:
        compiled, shape = self._expression(expression, scope, True)
        variable = scope.define(name, shape, "source")
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

    def _declared(self, module: LoadedMap, entry: syntax.Input) -> Shape | None:
        return None if entry.type is None else declared_type(self.shapes, module.tree, entry.type)

    def _place(self, rule: syntax.Rule) -> Place:
        tree = self.module.tree
        return Place(tree.url, tree.name, self.group.name, rule.name, rule.position)


def _same_json(given: Shape, wanted: Shape) -> bool:
    return given.kind == wanted.kind == "primitive"
