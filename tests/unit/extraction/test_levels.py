"""Vertebral levels in all notations."""

from __future__ import annotations

import pytest

from fhir_service.extraction.binding import bind
from fhir_service.extraction.levels import find_groups, neighbours


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T11", ["T11"]),
        ("T-11", ["T11"]),
        ("Th9", ["T9"]),
        ("D12", ["T12"]),
        ("D5 to D7", ["T5", "T6", "T7"]),
        ("the 11th thoracic vertebra", ["T11"]),
        ("thoracic 10-12", ["T10", "T11", "T12"]),
        ("the first lumbar vertebra", ["L1"]),
        ("the third and fourth lumbar vertebrae", ["L3", "L4"]),
        ("the first and third lumbar vertebrae", ["L1", "L3"]),
        ("the 1(st) and 4(th) (L1 and L4) lumbar vertebrae", ["L1", "L4"]),
        ("L3/4", ["L3", "L4"]),
        ("L34", ["L3", "L4"]),
        ("T12-L2", ["T12", "L1", "L2"]),
        ("L2 to T10", ["T10", "T11", "T12", "L1", "L2"]),
        ("L5-S1", ["L5", "S1"]),
        ("T12, L1 and L2", ["T12", "L1", "L2"]),
        ("L1, L2, and L3", ["L1", "L2", "L3"]),
        ("T4, T6 and T10", ["T4", "T6", "T10"]),
        ("L3-5 4 years prior", ["L3", "L4", "L5"]),
    ],
)
def test_a_level_is_read_in_every_notation(text: str, expected: list[str]) -> None:
    assert [code for group in find_groups(text) for code in group.codes] == expected


@pytest.mark.parametrize(
    "text",
    [
        "T1-weighted and T2-weighted images",
        "on T1 and T2-weighted images",
        "a T-score of -3.1",
        "vitamin D3",
        "the first lumbar puncture",
        "L6",
        "T13",
        "5.L2x",
        "SL12",
    ],
)
def test_what_only_looks_like_a_level_is_none(text: str) -> None:
    assert not find_groups(text)


@pytest.mark.parametrize(
    ("text", "head", "expected"),
    [
        ("had a T11 vertebroplasty", "vertebroplasty", ["T11"]),
        ("vertebroplasty for fractures of L2 and L5", "vertebroplasty", ["L2", "L5"]),
        ("kyphoplasty at T12 and L1, and later a new T11 fracture was noted", "fracture", ["T11"]),
        ("kyphoplasty at T12 and L1, and later a new T11 fracture was noted", "kyphoplasty", ["T12", "L1"]),
        ("vertebroplasty with posterior fusion of T5-T10, and T7 corpectomy", "corpectomy", ["T7"]),
        ("vertebroplasty with posterior fusion of T5-T10, and T7 corpectomy", "vertebroplasty", []),
        ("laminectomy and durotomy through a posterior approach from T12 to L2", "laminectomy", ["T12", "L1", "L2"]),
        ("L2 to T10 were decompressed", "were decompressed", ["T10", "T11", "T12", "L1", "L2"]),
        ("decompression at the T12 level with instrumentation from T10 to T12", "decompression", ["T12"]),
        ("L4, adjacent to it, had an acute compression fracture", "fracture", ["L4"]),
        ("paraplegia below L2 level", "paraplegia", []),
        ("compression of the cord and the S1 nerve root", "compression of the cord", []),
    ],
)
def test_a_level_belongs_to_what_its_sentence_puts_it_with(text: str, head: str, expected: list[str]) -> None:
    start = text.index(head)
    given = bind(text).of(start, start + len(head))
    assert [code for mention in given for code in mention.codes] == expected


def test_the_neighbours_of_the_ends_of_a_region_lie_in_the_next() -> None:
    assert neighbours(["T12"]) == {"T11", "L1"}
