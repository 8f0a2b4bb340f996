"""The committed data is what the compiler makes of HL7's definitions."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
DATA = ROOT / "fhir_service" / "definitions" / "data"


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module of the compiler, which stands outside the package."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return lambda name: importlib.import_module(f"definition_compiler.{name}")


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DATA / name).read_text("utf-8"))
    return content


def test_the_schema_is_what_elements_and_codes_give(compiler: Any) -> None:
    written = compiler("json_schema").json_schema(read("elements.json"), read("required-codes.json")["value_sets"])
    assert written["definitions"] == read("schema.json")["definitions"]


def test_the_primitive_types_are_those_of_the_compiler(compiler: Any) -> None:
    assert read("elements.json")["primitives"] == compiler("primitives").PRIMITIVES


@pytest.mark.parametrize(
    "name",
    [
        "compartments.json",
        "ucum-units.json",
        "elements.json",
        "required-codes.json",
        "schema.json",
        "search-parameters.json",
        "terminology.json",
    ],
)
def test_each_file_is_compact_and_names_its_source(name: str) -> None:
    text = (DATA / name).read_text("utf-8")
    assert len(text.encode()) < 1_500_000
    assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")) + "\n"
    assert "hl7.fhir.r4.examples@4.0.1" in text[:200]


def test_every_required_value_set_is_listed_or_said_not_to_be() -> None:
    codes = read("required-codes.json")
    bindings = [
        element["binding"]
        for definition in read("elements.json")["types"].values()
        for element in definition["elements"].values()
        if "binding" in element
    ]
    required = {binding["value_set"] for binding in bindings if binding["strength"] == "required"}
    assert required == set(codes["value_sets"]) | set(codes["not_listed"])
    assert all(systems and all(systems.values()) for systems in codes["value_sets"].values())


def test_another_package_is_refused(compiler: Any, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"name": "hl7.fhir.r5.core", "version": "5.0.0"}')
    with pytest.raises(SystemExit, match=r"holds hl7.fhir.r5.core@5.0.0"):
        compiler("package").Package(tmp_path)


def test_a_cardinality_that_the_catalogue_cannot_hold_is_refused(compiler: Any) -> None:
    primitives = [
        {"type": name, "kind": "primitive-type", "snapshot": {"element": [{}]}}
        for name in compiler("primitives").PRIMITIVES
    ]
    odd = {"path": "Thing.part", "min": 2, "max": "3", "type": [{"code": "string"}]}
    thing = {"type": "Thing", "kind": "resource", "abstract": False, "snapshot": {"element": [{"path": "Thing"}, odd]}}
    with pytest.raises(SystemExit, match=r"Thing.part: cardinality 2..3"):
        compiler("elements").element_catalogue([*primitives, thing])


def test_a_value_set_with_a_filter_is_refused(compiler: Any) -> None:
    element = {"types": ["code"], "binding": {"strength": "required", "value_set": "http://example.org/vs"}}
    catalogue = {"types": {"Thing": {"elements": {"part": element}}}}
    value_set = {"url": "http://example.org/vs", "compose": {"include": [{"system": "http://s", "filter": []}]}}
    with pytest.raises(SystemExit, match="only whole code systems and lists of codes"):
        compiler("codes").required_codes(catalogue, {value_set["url"]: value_set}, {})
