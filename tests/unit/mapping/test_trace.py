"""Which rule wrote what from what."""

from __future__ import annotations

from .conftest import URL, library, map_text

RULES = """src.case as c -> tgt.name as n then {
  c.word as w where $this != 'skip' -> n.given = w "given";
  c.none as x -> n.family = x;
  c.born as b -> tgt.birthDate = b as d then {
    c.why as y -> d.extension as e, e.url = 'u', e.value = cast(y, 'string') "why"; };
};
src -> tgt.contact as empty, tgt.active = true "always";"""
SOURCE = {"case": [{"word": ["a", "skip", "b"], "born": "2020", "why": "z"}]}


def test_every_value_of_the_output_is_traced_to_its_rule_and_its_source() -> None:
    done = library(map_text(RULES)).transform_traced(URL, SOURCE)
    assert done.resource == {
        "resourceType": "Patient",
        "active": True,
        "name": [{"given": ["a", "b"]}],
        "birthDate": "2020",
        "_birthDate": {"extension": [{"url": "u", "valueString": "z"}]},
    }
    found = {entry.target: (entry.rule, entry.line, entry.source) for entry in done.trace}
    assert found == {
        "Patient": ("", 3, ""),
        "Patient.name[0]": ("case-1", 4, "case[0]"),
        "Patient.name[0].given[0]": ("given", 5, "case[0].word[0]"),
        "Patient.name[0].given[1]": ("given", 5, "case[0].word[2]"),
        "Patient.birthDate": ("born-3", 7, "case[0].born"),
        "Patient.birthDate.extension[0]": ("why", 8, "case[0].why"),
        "Patient.birthDate.extension[0].url": ("why", 8, "case[0].why"),
        "Patient.birthDate.extension[0].valueString": ("why", 8, "case[0].why"),
        "Patient.active": ("always", 10, ""),
    }
    assert {(entry.map_url, entry.group) for entry in done.trace} == {(URL, "test")}


def test_a_run_without_a_trace_gives_the_same_output() -> None:
    maps = library(map_text(RULES))
    assert maps.transform(URL, SOURCE) == maps.transform_traced(URL, SOURCE).resource
