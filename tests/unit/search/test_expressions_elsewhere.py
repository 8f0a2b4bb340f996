"""fhirpathpy, an evaluator of other people's, as a second opinion on the compiled search expressions.

Our own golden Bundles are always read; HL7's 1,400 examples where FHIR_R4_EXAMPLES names the unpacked package
(hl7.fhir.r4.examples 4.0.1).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models

from fhir_service.definitions.elements import resource_types
from fhir_service.definitions.search_parameters import parameters_of
from fhir_service.search.expressions import UnsupportedExpression, compile_expression

GOLDEN = Path(__file__).parents[2] / "golden"
EXAMPLES = os.environ.get("FHIR_R4_EXAMPLES", "")
DEFINITIONS = re.compile(r"(CodeSystem|ConceptMap|OperationDefinition|SearchParameter|StructureDefinition|ValueSet)-")
"""Kinds of examples of which there are hundreds alike."""
NOT_THERE = ("hasExtension(", "resolve()", ".exists() and")
"""What fhirpathpy lacks, what needs a server, and what is a question and no path."""


def golden() -> list[dict[str, Any]]:
    bundles = (json.loads(file.read_text("utf-8")) for file in sorted(GOLDEN.glob("*/bundle.json")))
    return [entry["resource"] for bundle in bundles for entry in bundle["entry"]]


def examples() -> Iterator[dict[str, Any]]:
    for file in sorted(Path(EXAMPLES).glob("[A-Z]*-*.json")):
        if not DEFINITIONS.match(file.name):
            yield json.loads(file.read_text("utf-8"))


def test_they_agree_on_our_own_resources() -> None:
    assert compared(golden()) > 200


@pytest.mark.skipif(not EXAMPLES, reason="FHIR_R4_EXAMPLES does not name the unpacked package hl7.fhir.r4.examples")
def test_they_agree_on_the_examples_of_r4() -> None:
    assert compared(examples()) > 6000


def compared(resources: Iterable[dict[str, Any]]) -> int:
    """How many expressions gave something, and the same, here and there."""
    found = 0
    for resource in resources:
        kind = resource["resourceType"]
        for code, definition in parameters_of(kind).items() if kind in resource_types() else ():
            theirs = evaluator(kind, definition.expression)
            try:
                paths = compile_expression(kind, definition.expression).paths
            except UnsupportedExpression:
                continue
            if theirs is not None:
                ours = [held for path in paths for held in path.held(resource)]
                assert alike(ours) == alike(theirs(resource)), f"{kind}/{resource.get('id')} {code}"
                found += bool(ours)
    return found


@cache
def evaluator(kind: str, expression: str) -> Any:
    """Theirs, in the words it understands: `Resource` is no root to it, and `as` takes one item where FHIR's
    expressions have lists."""
    if not expression or any(part in expression for part in NOT_THERE):
        return None
    cast = re.sub(r" as (\w+)\)", r".ofType(\1))", expression)
    return fhirpathpy.compile(re.sub(r"\b(Domain)?Resource\.", f"{kind}.", cast), models["r4"])


def alike(values: list[Any]) -> set[str]:
    """Without elements that have extensions and no value: to a search they are not there."""
    there = (value for value in values if not isinstance(value, dict) or set(value) - {"id", "extension"})
    return {json.dumps(value, sort_keys=True, default=float) for value in there}
