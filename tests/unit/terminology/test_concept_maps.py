"""Codes are translated by what a row says, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.terminology.concept_maps import BrokenConceptMap, Coding, ConceptMap, ConceptMaps, UnknownConceptMap


def concept_map(*rows: dict[str, Any], **group: Any) -> ConceptMap:
    return ConceptMap(
        {"url": "urn:m", "group": [{"source": "urn:a", "target": "urn:b", "element": list(rows), **group}]}
    )


def row(code: str, equivalence: str | None, target: str = "t") -> dict[str, Any]:
    stated = {"equivalence": equivalence} if equivalence else {}
    return {"code": code, "target": [{"code": target, **stated}]}


@pytest.mark.parametrize("equivalence", ["equal", "equivalent", "relatedto", "wider", "subsumes", None])
def test_a_target_that_says_no_more_than_the_source_counts(equivalence) -> None:
    assert concept_map(row("a", equivalence)).translate("a") == (Coding("urn:b", "t"),)


@pytest.mark.parametrize("equivalence", ["narrower", "specializes", "inexact", "disjoint", "unmatched"])
def test_a_target_that_would_say_more_or_other_things_gives_nothing(equivalence) -> None:
    assert concept_map(row("a", equivalence)).translate("a") == ()


def test_the_system_of_a_code_decides_where_it_is_known() -> None:
    codes = concept_map(row("a", "equal"))
    assert codes.translate("a", "urn:a") == codes.translate("a") == (Coding("urn:b", "t"),)
    assert codes.translate("a", "urn:other") == ()


def test_several_groups_and_rows_give_several_targets_each_once() -> None:
    group = {"source": "urn:a", "target": "urn:b", "element": [row("a", "equal"), row("a", "equal")]}
    other = {"source": "urn:a", "target": "urn:c", "element": [row("a", "wider", "u")]}
    codes = ConceptMap({"url": "urn:m", "group": [group, other]})
    assert codes.translate("a") == (Coding("urn:b", "t"), Coding("urn:c", "u"))


def test_unmapped_codes_are_provided_or_fixed_only_where_the_map_says_so() -> None:
    assert concept_map(unmapped={"mode": "provided"}).translate("z") == (Coding("urn:b", "z"),)
    fixed = concept_map(row("x", "unmatched"), unmapped={"mode": "fixed", "code": "other", "display": "Other"})
    assert fixed.translate("z") == (Coding("urn:b", "other", "Other"),)
    assert fixed.translate("x") == ()


@pytest.mark.parametrize(
    "group",
    [
        {"element": [{"target": []}]},
        {"element": [{"code": "a", "target": [{"equivalence": "equal"}]}]},
        {"element": [], "unmapped": {"mode": "other-map"}},
        {"element": [], "unmapped": {"mode": "fixed"}},
    ],
)
def test_a_broken_map_is_refused(group) -> None:
    with pytest.raises(BrokenConceptMap, match="urn:m"):
        ConceptMap({"url": "urn:m", "group": [group]})


def test_maps_are_found_by_url_and_version() -> None:
    maps = ConceptMaps({"urn:m": {"url": "urn:m", "version": "1", "group": []}})
    assert maps.get("urn:m").version == maps.get("urn:m|1").version == "1"
    for url in ("urn:m|2", "urn:n"):
        with pytest.raises(UnknownConceptMap, match=url.replace("|", r"\|")):
            maps.get(url)
