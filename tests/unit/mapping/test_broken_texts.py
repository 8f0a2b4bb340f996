"""Whatever text is given as a map: a tree, or a MappingError with its line and column, soon."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.map_text import to_text
from fhir_service.mapping.parser import parse_map

MAPS = sorted((Path(__file__).parents[3] / "mappings" / "structure-maps").glob("*.fml"))
HEAD = 'map "urn:m" = "m"\n'
PIECES = (
    *(
        "",
        "(",
        ")",
        "{",
        "}",
        "'",
        '"',
        "`",
        "\\",
        "/*",
        "//",
        "///",
        "->",
        "<<",
        "@",
        "@2020-",
        "..",
        "1e9",
        "%",
        "$this",
    ),
    *(
        "as ",
        "where ",
        "default ",
        "then ",
        "share ",
        "\n",
        "\x00",
        "é",
        "\ud800",
        "0" * 120,
        "conceptmap ",
        "evaluate(",
    ),
)


def outcome(text: str) -> str:
    """What the text is: `tree`, or `error` with a place."""
    try:
        tree = parse_map(text, "m")
    except MappingError as error:
        has_place = 1 <= error.line <= text.count("\n") + 1 and error.column >= 1
        return "error" if has_place else f"no place: {error}"
    return "tree" if parse_map(to_text(tree), "m").group else "nothing"


@pytest.mark.parametrize("file", MAPS[:4], ids=lambda file: file.name)
def test_a_map_with_something_wrong_in_it_is_told_where(file: Path) -> None:
    chance = random.Random(file.name)
    text = file.read_text()[:2500]
    found = []
    for _ in range(50):
        at = chance.randrange(len(text))
        found.append(outcome(text[:at] + chance.choice(PIECES) + text[at + chance.choice([0, 0, 1, 5, 40]) :]))
    assert set(found) <= {"tree", "error"}
    assert found.count("error") > 25


@pytest.mark.parametrize("end", range(1, 2000, 41))
def test_a_map_that_is_cut_off_is_told_where(end: int) -> None:
    assert outcome(MAPS[-1].read_text()[:end]) in ("tree", "error")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 50_000,
        "group " * 20_000,
        HEAD + "group g(source s) {" + "s then {" * 20_000,
        HEAD + "group g(source s) { s where " + "-" * 20_000 + "1; }",
        HEAD + "group g(source s) { s where " + "a or " * 20_000 + "b; }",
        HEAD + "group g(source s) { s -> s.a = f(" + "g(" * 20_000,
        HEAD + 'conceptmap "#c" { prefix s = "u" ' + "s:a - s:b " * 20_000,
        "/* " * 50_000,
        "'" + "\\" * 99_999,
        "/// " + "contact." * 20_000 + "name = 'x'\n" + HEAD + "group g(source s) {}",
        "/// contact =\n" * 20_000 + HEAD + "group g(source s) {}",
    ],
    ids=lambda text: text[len(HEAD) : len(HEAD) + 40].strip() or text[:9],
)
def test_a_text_that_is_much_of_the_same_is_refused(text: str) -> None:
    assert outcome(text) == "error"


def test_many_rules_and_rows_are_read() -> None:
    rules = "".join(f"s.a{n} as a where (b = {n}) -> t.c = a;\n" for n in range(3000))
    rows = "".join(f"s:c{n} - s:d{n}\n" for n in range(5000))
    tree = parse_map(
        f'{HEAD}conceptmap "#c" {{ prefix s = "u"\n{rows}}}\ngroup g(source s, target t) {{\n{rules}}}', "m"
    )
    assert (len(tree.group[0].rule), len(tree.contained["c"]["group"][0]["element"])) == (3000, 5000)
