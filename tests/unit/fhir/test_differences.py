"""What differs is said by the smallest place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_service.fhir.differences import ABSENT, Difference, differences


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, [("a.b", "x", "y")]),
        ({"a": 1}, {"a": None}, [("a", 1, None)]),
        ({"a": 1}, {"b": 1}, [("a", 1, ABSENT), ("b", ABSENT, 1)]),
        ({"a": {"b": 1}}, {"a": [{"b": 1}]}, [("a", {"b": 1}, [{"b": 1}])]),
        ({"a": Decimal("8.0")}, {"a": Decimal("8")}, [("a", Decimal("8.0"), Decimal("8"))]),
        ({"a": ["x", "y"]}, {"a": ["z", "x", "y"]}, [("a[0]", ABSENT, "z")]),
        ({"a": ["x", "y", "z"]}, {"a": ["x", "z"]}, [("a[1]", "y", ABSENT)]),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1, "c": 3}]}, [("a[0].c", 2, 3)]),
        ({"a": [1, 2, 3]}, {"a": [1, 9]}, [("a[1]", 2, 9), ("a[2]", 3, ABSENT)]),
        ({"a": True}, {"a": 1}, [("a", True, 1)]),
    ],
)
def test_the_smallest_places_that_differ(old: Any, new: Any, found: list[tuple[str, Any, Any]]) -> None:
    assert list(differences(old, new)) == [Difference(*one) for one in found]
