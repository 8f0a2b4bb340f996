"""All maps of a folder, loaded together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_service.definitions.catalogue import Catalogue
from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.library import load_library

from .conftest import CONCEPT_MAP, URL, library, map_text


def folder(root: Path, **maps: str) -> Catalogue:
    for name in ("structure-maps", "concept-maps"):
        (root / name).mkdir()
    for name, text in maps.items():
        (root / "structure-maps" / f"{name}.fml").write_text(text)
    (root / "concept-maps" / "levels.json").write_text(json.dumps(CONCEPT_MAP))
    return Catalogue(root)


def test_a_folder_is_loaded_with_its_concept_maps(tmp_path: Path) -> None:
    rules = "src.x as x -> tgt.language = translate(x, 'https://example.org/ConceptMap/levels', 'code');"
    maps = load_library(folder(tmp_path, one=map_text(rules)))
    assert list(maps.maps) == [URL]
    assert maps.transform(URL, {"x": "L1"})["language"] == "66794005"


def test_two_maps_with_one_url_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="another map has the url"):
        load_library(folder(tmp_path, one=map_text(""), two=map_text("")))


def test_a_broken_embedded_concept_map_is_refused() -> None:
    text = map_text("").replace("group", 'conceptmap "#c" { prefix s = "u" s:a -- unmapped for s = "urn:o" }\ngroup', 1)
    with pytest.raises(MappingError, match="unmapped must be 'provided'"):
        library(text)


def test_a_long_chain_of_groups_is_loaded_and_a_long_nest_of_brackets_is_refused() -> None:
    groups = "".join(f"group g{n}(source s, target t) {{ s.a as a then g{n + 1}(a, t); }}\n" for n in range(300))
    more = groups + "group g300(source s, target t) { s -> t.gender = 'male'; }"
    assert URL in library(map_text("src -> tgt then g0(src, tgt);", more=more)).maps
    with pytest.raises(MappingError, match="nested too deeply"):
        library(map_text(f"src -> tgt.gender = {'(' * 5000}src{')' * 5000};"))


def test_a_mistake_in_a_group_without_types_leaves_the_library_usable() -> None:
    more = "group any(source s, target t) { s.a as a -> t.txt = a; }"
    rules = "src.e : Resource as e -> tgt as t then { src -> tgt.gender = 'male'; };".replace(" : Resource", "")
    maps = library(map_text(rules, more=more))
    with pytest.raises(MappingError):
        maps.transform(URL, {}, group="any")
    assert maps.transform(URL, {"e": 1})["gender"] == "male"


def test_a_mistake_that_only_some_content_brings_out_is_told_every_time() -> None:
    more = "group near(source s, target t) { s -> t then far(s, t); }\n"
    more += "group far(source s, target t) { s -> t.birthDate = s; }"
    maps = library(map_text("src.value as v then near(v, tgt);", reads="Observation", more=more))
    source = {"resourceType": "Observation", "valueQuantity": {"value": 1}}
    for _ in range(2):
        with pytest.raises(MappingError, match="a Quantity was given"):
            maps.transform(URL, source)
    assert maps.transform(URL, source | {"valueQuantity": None, "valueDateTime": "2020"})["birthDate"] == "2020"


def test_a_long_chain_of_imports_is_loaded_and_a_circle_is_named() -> None:
    def chain(last: str) -> dict[str, str]:
        to = [f"urn:{n}" for n in range(1, 1200)] + [last]
        group = "group g{n}(source s, target t) {{ s.a as a -> t.b = a; }}"
        return {f"m{n}": f'map "urn:{n}" = "m{n}"\nimports "{url}"\n{group.format(n=n)}' for n, url in enumerate(to)}

    maps = library(map_text(""), **chain(URL))
    assert len(maps.imported("urn:0")) == 1200
    with pytest.raises(MappingError, match=r"in a circle: m3 -> m4 -> .* -> m1199 -> m3"):
        library(map_text(""), **chain("urn:3"))
