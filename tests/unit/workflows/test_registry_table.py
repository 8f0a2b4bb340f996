"""The registry as a table: one row an event, what is not stated empty, and where the report says it."""

from __future__ import annotations

import asyncio
import csv
import tomllib
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from filled_forms import filled
from golden_cases import CASES, ROOT
from mapped_facts import INDEX, case, mapped

from fhir_service.definitions.catalogue import DEFAULT_BASE, catalogue, mappings_root
from fhir_service.fhir.json_text import encode
from fhir_service.reports.case_report import (
    Age,
    CaseReport,
    Coded,
    ComplicationFact,
    Level,
    ObservationFact,
    ProcedureFact,
    Relation,
    RelativeTime,
)
from fhir_service.workflows.load_report import stored_form
from fhir_service.workflows.map_form import map_form
from fhir_service.workflows.registry_table import registry_columns, write_registry_table

Bundle = dict[str, Any]
OWN = catalogue()


async def resources(bundles: Iterable[Bundle]) -> AsyncIterator[dict[str, Any]]:
    for bundle in bundles:
        for resource in stored_form(bundle).values():
            yield resource


def written(out: Path, *bundles: Bundle) -> list[str]:
    """Writes the table of these bundles; gives what was left out."""
    notices: list[str] = []
    asyncio.run(write_registry_table(out, resources(bundles), OWN, notices.append))
    return notices


def rows(folder: Path, *bundles: Bundle) -> list[dict[str, str]]:
    assert written(folder / "table.csv", *bundles) == []
    with (folder / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def onset(folder: Path, **time: Any) -> dict[str, str]:
    """The row of an event with that onset."""
    when = RelativeTime(relation=Relation.AFTER, event="1/index-1", **time)
    event = ComplicationFact(id="1/complication-1", kind=Coded(code="infection"), onset=when, suspect=("1/index-1",))
    (row,) = rows(folder, mapped(case(complication=(event,))))
    return {name.removeprefix("onset_"): row[name] for name in row if name.startswith("onset_") and row[name]}


def test_the_golden_cases_give_their_rows(tmp_path: Path) -> None:
    assert written(tmp_path / "table.csv", *(one.mapped() for one in CASES.values())) == []
    assert (tmp_path / "table.csv").read_text() == (ROOT / "registry-table.csv").read_text()


def test_the_words_of_an_event_stand_where_its_row_says(tmp_path: Path) -> None:
    texts = {one.report.source_key: one.report.text for one in CASES.values()}
    found = rows(tmp_path, *(one.mapped() for one in CASES.values()))
    for row in found:
        start, length = int(row["event_offset"]), int(row["event_length"])
        assert row["event_text"] in " ".join(texts[row["source_key"]][start : start + length].split())
    assert found


def test_a_row_from_a_form_names_the_form_as_its_document_and_no_words(tmp_path: Path) -> None:
    one = CASES["every-kind-of-fact"]
    form = filled(one.facts, one.report.source)
    bundle = map_form(encode(form), recorded="2026-01-01T00:00:00Z", base=DEFAULT_BASE).mapped.bundle
    documents = [key[1] for key in stored_form(bundle) if key[0] == "DocumentReference"]
    found = rows(tmp_path, bundle)
    assert {(row["document_id"], row["doi"], row["event_offset"]) for row in found} == {
        (documents[0], one.report.source.doi, "")
    }


def test_parquet_says_the_same_with_numbers_as_numbers(tmp_path: Path) -> None:
    bundles = [one.mapped() for one in CASES.values()]
    expected = rows(tmp_path, *bundles)
    written(tmp_path / "table.parquet", *bundles)
    with duckdb.connect() as database:
        relation = database.read_parquet(str(tmp_path / "table.parquet"))
        types = dict(zip(relation.columns, map(str, relation.types), strict=True))
        read = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    assert [column.name for column in registry_columns(OWN)] == list(types)
    assert (types["onset_days"], types["deceased"], types["event_offset"]) == ("DOUBLE", "BOOLEAN", "VARCHAR")
    for row, other in zip(expected, read, strict=True):
        for name, kind in types.items():
            value = other[name]
            text = "" if value is None else str(value).lower() if kind == "BOOLEAN" else str(value)
            assert text == row[name] or Decimal(text) == Decimal(row[name]), name


def test_days_are_given_for_units_of_a_fixed_length_alone(tmp_path: Path) -> None:
    two = Decimal(2)
    after = {"relation": "after"}
    for unit, days in (("d", "2"), ("wk", "14"), ("h", "0.083333"), ("min", "0.001389")):
        found = onset(tmp_path, value=two, unit=unit)
        assert {name: found[name] for name in ("days", "value", "unit", "relation")} == {
            "days": days,
            "value": "2",
            "unit": unit,
            **after,
        }
    for unit in ("mo", "a"):
        found = onset(tmp_path, value=Decimal("1.5"), unit=unit)
        assert ("days" in found, found["value"], found["unit"]) == (False, "1.5", unit)
    found = onset(tmp_path, value=two, unit="wk", comparator=">")
    assert ("days" in found, found["comparator"], found["value"]) == (False, ">", "2")
    found = onset(tmp_path, low=two, high=Decimal(3), unit="d")
    assert ("days" in found, found["low"], found["high"], found["unit"]) == (False, "2", "3", "d")
    assert set(onset(tmp_path)) == {"relation", "procedure_id"}


def test_what_is_stated_several_times_is_listed_and_never_added_up(tmp_path: Path) -> None:
    second = ProcedureFact(
        id="1/index-2", role="index", kind=Coded(code="kyphoplasty"), level=(Level(code="L1"), Level(code="T12"))
    )
    volumes = [
        ObservationFact(
            id=f"1/volume-{number}", kind=Coded(code="cement-volume"), value=Decimal(value), unit="mL", part_of=of
        )
        for number, (value, of) in enumerate((("2.50", "1/index-1"), ("3", "1/index-2")))
    ]
    ages = tuple(Age(id=f"1/age-{number}", value=Decimal(number), unit="a") for number in (70, 71))
    event = ComplicationFact(
        id="1/complication-1",
        kind=Coded(code="infection"),
        suspect=("1/index-1", "1/index-2"),
    )
    (row,) = rows(
        tmp_path,
        mapped(case(procedure=(INDEX, second), observation=tuple(volumes), age=ages, complication=(event,))),
    )
    assert (row["procedures"], row["procedure_roles"]) == ("vertebroplasty;kyphoplasty", "index;index")
    assert len(set(row["procedure_ids"].split(";"))) == 2
    assert row["procedure_levels"] == "L1;T12"
    assert (row["cement_ml"], row["cement_volumes"]) == ("", "2.50 mL;3 mL")
    assert (row["age_years"], sorted(row["age"].split(";"))) == ("", ["70 a", "71 a"])


def test_a_single_total_keeps_its_digits_and_a_volume_of_a_vertebra_is_no_total(tmp_path: Path) -> None:
    event = ComplicationFact(id="1/complication-1", kind=Coded(code="infection"), suspect=("1/index-1",))
    total = ObservationFact(
        id="1/volume-1", kind=Coded(code="cement-volume"), value=Decimal("8.0"), unit="mL", part_of="1/index-1"
    )
    parts = [
        msgspec.structs.replace(total, id=f"1/volume-{number}", level=levels)
        for number, levels in ((2, (Level(code="L1"),)), (3, (Level(code="L1"), Level(code="L2"))))
    ]
    (row,) = rows(tmp_path, mapped(case(observation=(total, *parts), complication=(event,))))
    assert row["cement_ml"] == "8.0"
    assert sorted(row["cement_volumes"].split(";")) == ["8.0 mL", "L1+L2: 8.0 mL", "L1: 8.0 mL"]
    (row,) = rows(tmp_path, mapped(case(observation=tuple(parts), complication=(event,))))
    assert row["cement_ml"] == ""


@pytest.mark.parametrize("words", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=1", "＝1"])
def test_words_that_a_spreadsheet_would_run_have_an_apostrophe_in_csv_alone(tmp_path: Path, words: str) -> None:
    event = ComplicationFact(id="1/complication-1", kind=Coded(code="other", text=words))
    bundle = mapped(case(complication=(event,)))
    (row,) = rows(tmp_path, bundle)
    assert row["event_text"] == f"'{words}"
    written(tmp_path / "table.parquet", bundle)
    with duckdb.connect() as database:
        found = database.read_parquet(str(tmp_path / "table.parquet")).project("event_text").fetchall()
    assert found == [(words,)]


def test_commas_quotes_and_lines_of_a_report_stay_in_their_cell(tmp_path: Path) -> None:
    words = 'a "leak", they said;\nthen\r\nmore — größer'
    event = ComplicationFact(id="1/complication-1", kind=Coded(code="other", text=words))
    (row,) = rows(tmp_path, mapped(case(complication=(event,))))
    assert row["event_text"] == words


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_store_without_events_gives_the_columns_alone(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"table{suffix}"
    written(out, mapped(CaseReport()))
    written(out)
    with duckdb.connect() as database:
        relation = database.read_csv(str(out), header=True) if suffix == ".csv" else database.read_parquet(str(out))
        assert relation.columns == [column.name for column in registry_columns(OWN)]
        assert relation.fetchall() == []
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_events_of_other_origin_have_rows_and_what_fits_no_column_is_told(tmp_path: Path) -> None:
    foreign = {"resourceType": "AdverseEvent", "id": "e1", "actuality": "actual", "subject": {"reference": "Group/g"}}
    odd = {"resourceType": "Patient", "id": "p1", "deceasedBoolean": {"odd": True}}

    async def given() -> AsyncIterator[dict[str, Any]]:
        for resource in (foreign, odd):
            yield resource

    notices: list[str] = []
    assert asyncio.run(write_registry_table(tmp_path / "t.csv", given(), OWN, notices.append)) == 1
    assert [notice.partition(":")[0] for notice in notices] == ["Patient/p1 is left out"]
    with (tmp_path / "t.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert {name: value for name, value in row.items() if value} == {"event_id": "e1"}


def test_every_column_is_explained() -> None:
    columns = tomllib.loads((mappings_root() / "views" / "registry-table.toml").read_text())["column"]
    assert len({column["name"] for column in columns}) == len(columns) > 40
    for column in columns:
        assert column["type"] in ("string", "decimal", "boolean")
        assert len(column["meaning"]) > 10
        assert ("unit" in column) == (column["type"] == "decimal"), column["name"]
