"""Everything a ConceptMap says of a code is told, with its equivalence, in either direction."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.terminology.code_validation import Coding
from fhir_service.terminology.translations import Match, translations

ROWS: list[dict[str, Any]] = [
    {"code": "a", "target": [{"code": "1", "equivalence": "wider"}, {"code": "2", "equivalence": "equal"}]},
    {"code": "b", "target": [{"code": "1", "equivalence": "subsumes"}]},
    {"code": "none", "target": [{"equivalence": "unmatched"}]},
    {
        "code": "both",
        "target": [
            {
                "code": "3",
                "equivalence": "equal",
                "dependsOn": [{"property": "urn:p", "value": "x"}],
                "product": [{"property": "urn:side", "system": "urn:sides", "value": "left"}],
            }
        ],
    },
]


def concept_map(**more: Any) -> dict[str, Any]:
    second = {"source": "urn:a", "target": "urn:c", "element": [{"code": "a", "target": [{"code": "X"}]}]}
    first = {"source": "urn:a", "target": "urn:b", "element": ROWS, **more}
    return {"url": "urn:m", "group": [first, second]}


def told(code: str, system: str = "urn:a", **options: Any) -> list[tuple[str, str | None]]:
    found = translations(concept_map(), Coding(system, code), **options)
    return [(match.equivalence, str(match.target.code) if match.target else None) for match in found]


@pytest.mark.parametrize(
    ("code", "options", "expected"),
    [
        ("a", {}, [("wider", "1"), ("equal", "2"), ("relatedto", "X")]),
        ("a", {"system": ""}, [("wider", "1"), ("equal", "2"), ("relatedto", "X")]),
        ("a", {"target_system": "urn:c"}, [("relatedto", "X")]),
        ("a", {"target_system": "urn:d"}, []),
        ("a", {"system": "urn:other"}, []),
        ("none", {}, [("unmatched", None)]),
        ("nothing", {}, []),
        ("1", {"system": "urn:b", "reverse": True}, [("narrower", "a"), ("specializes", "b")]),
        (
            "1",
            {"system": "urn:b", "reverse": True, "target_system": "urn:a"},
            [("narrower", "a"), ("specializes", "b")],
        ),
        ("X", {"system": "urn:c", "reverse": True}, [("relatedto", "a")]),
        ("a", {"system": "urn:a", "reverse": True}, []),
    ],
)
def test_each_row_is_told_with_its_equivalence(code, options, expected) -> None:
    assert told(code, **options) == expected


def test_products_are_told_and_conditions_marked() -> None:
    (match,) = translations(concept_map(), Coding("urn:a", "both"))
    products = (("urn:side", Coding("urn:sides", "left")),)
    assert match == Match("urn:m", "equal", Coding("urn:b", "3"), products, conditional=True)


@pytest.mark.parametrize(
    ("unmapped", "expected"),
    [
        ({"mode": "provided"}, [("equal", "nothing")]),
        ({"mode": "fixed", "code": "0"}, [("relatedto", "0")]),
        ({"mode": "other-map", "url": "urn:n"}, []),
    ],
)
def test_codes_without_a_row_become_what_unmapped_says(unmapped, expected) -> None:
    asked = concept_map(unmapped=unmapped)
    found = translations(asked, Coding("urn:a", "nothing"), target_system="urn:b")
    assert [(match.equivalence, match.target.code if match.target else None) for match in found] == expected
    assert translations(asked, Coding("urn:a", "none"))[0].equivalence == "unmatched"
