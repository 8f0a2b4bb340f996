"""`fhir-service structure-map`: maps checked, and turned from text to resource and back."""

from __future__ import annotations

import json
from pathlib import Path

MAPS = Path(__file__).parents[2] / "mappings" / "structure-maps"
MAP = """\
// why
map "urn:m" = "m"
uses "http://hl7.org/fhir/StructureDefinition/Patient" alias Patient as target
group g(source s, target t : Patient) {
  s.sex as sex -> t.gender = sex;
}
"""


def test_our_own_maps_are_right(run) -> None:
    done = run("structure-map", *sorted(MAPS.glob("*.fml")))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_map_is_turned_into_a_resource_and_back(run, tmp_path) -> None:
    (tmp_path / "m.fml").write_text(MAP)
    done = run("structure-map", "m.fml", "--to", "json")
    resource = json.loads(done.stdout)
    assert (done.returncode, resource["resourceType"], resource["group"][0]["typeMode"]) == (0, "StructureMap", "none")
    assert "// why\n" in resource["text"]["div"]
    assert "typeMode" not in json.loads(run("structure-map", "m.fml", "--to", "json", "--r5").stdout)["group"][0]
    (tmp_path / "m.json").write_bytes(done.stdout)
    back = run("structure-map", "m.json", "--to", "text")
    assert back.returncode == 0
    assert back.stdout.decode().splitlines()[-3:] == [
        "group g(source s, target t : Patient) {",
        "  s.sex as sex -> t.gender = sex;",
        "}",
    ]


def test_mistakes_are_told_with_file_line_and_column(run, tmp_path) -> None:
    (tmp_path / "open.fml").write_text(MAP.replace("sex;", "sex"))
    (tmp_path / "bad.json").write_text('{"resourceType": "StructureMap", "url": "urn:b", "name": "b", "group": [{}]}')
    (tmp_path / "latin.fml").write_bytes(b"\xe4")
    done = run("structure-map", "open.fml", "bad.json", "latin.fml", "missing.fml", "--to", "json")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().splitlines() == [
        "open.fml:6:1: expected ';', found }",
        "bad.json:StructureMap.group[0].input: a group has at least one input",
        "latin.fml: it is not UTF-8",
        "missing.fml: it cannot be opened (No such file or directory)",
    ]


def test_what_a_map_names_has_to_be_there_unless_only_the_language_is_checked(run, tmp_path) -> None:
    (tmp_path / "m.fml").write_text(MAP.replace("t.gender", "t.sex"))
    done = run("structure-map", "m.fml")
    assert (done.returncode, done.stderr.decode()) == (1, "m.fml:5:19: Patient has no element sex\n")
    assert run("structure-map", "m.fml", "--syntax").returncode == 0
