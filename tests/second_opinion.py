"""pyrofile, a validator of other people's, as a second opinion on what we write."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, NamedTuple

from pyrofile_validator.config import ValidatorConfig
from pyrofile_validator.core.engine import Validator

from fhir_service.definitions.catalogue import Kind, mappings_root
from fhir_service.mapping.map_report import encode_bundle


class FalsePositive(NamedTuple):
    """A finding of pyrofile that R4 does not bear out."""

    code: str
    path: re.Pattern[str]
    reason: str


KNOWN_FALSE_POSITIVES = (
    FalsePositive(
        "terminology.required",
        re.compile(r"CapabilityStatement\.format\[\d+\]"),
        "xml, json and MIME types are what format holds (R4 CapabilityStatement.format); pyrofile 0.3.0 takes "
        "the MIME types of BCP 13 for a list it has",
    ),
    FalsePositive(
        "element.unknown",
        re.compile(r"AdverseEvent\.suspectEntity\[\d+\]\.causality\[\d+\]\._productRelatedness"),
        "productRelatedness is a string, so it has a _ sibling (R4 json.html#primitive); pyrofile 0.3.0 does not know "
        "the siblings of primitives two backbone elements deep",
    ),
)


@cache
def validator() -> Validator:
    """pyrofile with our own extension definitions, as `pyrofile -c` would be given them."""
    return Validator(ValidatorConfig(local_package_paths=[str(mappings_root() / Kind.PROFILE)]))


def unexplained(bundle: dict[str, Any]) -> list[str]:
    """What pyrofile finds in a Bundle, known false positives left out."""
    report = validator().validate_resource(json.loads(encode_bundle(bundle)))
    return [
        f"{issue.code} at {issue.path}: {issue.message}"
        for issue in report.issues
        if not any(known.code == issue.code and known.path.fullmatch(issue.path) for known in KNOWN_FALSE_POSITIVES)
    ]
