"""What a profile says about elements, as far as it can be checked (R4 elementdefinition.html)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TypeRule:
    """A type that a value may have; it meets one of `profiles`, what it points at one of `target_profiles`."""

    code: str
    profiles: tuple[str, ...] = ()
    target_profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BindingRule:
    strength: str
    value_set: str


@dataclass(frozen=True, slots=True)
class InvariantRule:
    key: str
    severity: str
    human: str
    expression: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Discriminator:
    type: str
    path: str


@dataclass(frozen=True, slots=True)
class SlicingRule:
    discriminators: tuple[Discriminator, ...]
    ordered: bool = False
    rules: str = "open"


@dataclass(frozen=True, slots=True)
class TypedValue:
    """A value with its FHIR type, as `fixedCode` names it."""

    type: str
    value: Any


@dataclass(frozen=True, slots=True)
class ElementRule:
    """One ElementDefinition; what it does not say is None or empty."""

    id: str
    path: str
    slice_name: str = ""
    min: int | None = None
    max: str = ""
    types: tuple[TypeRule, ...] = ()
    fixed: TypedValue | None = None
    pattern: TypedValue | None = None
    least: TypedValue | None = None
    most: TypedValue | None = None
    max_length: int | None = None
    bindings: tuple[BindingRule, ...] = ()
    invariants: tuple[InvariantRule, ...] = ()
    slicing: SlicingRule | None = None
    must_support: bool = False
    modifier: bool | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """A StructureDefinition as far as it is checked. `elements` are those of the differential, else of the snapshot."""

    url: str
    type: str
    base: str
    elements: tuple[ElementRule, ...]
    whole: bool = False
    """The elements are a snapshot: they say what the base says too."""
    kind: str = ""
    version: str = ""
    contexts: tuple[tuple[str, str], ...] = ()
    """Where an extension may be used: type and expression of each."""
    context_invariants: tuple[str, ...] = ()
    """FHIRPath that has to be true of what carries an extension; the extension is `%extension`."""
    modifies: bool | None = None
    """Whether an extension changes the meaning of what carries it; None where nothing is said."""
    snapshot: tuple[ElementRule, ...] = field(default=(), repr=False)
