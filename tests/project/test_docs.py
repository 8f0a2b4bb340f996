"""What a user reads is true: every command is told of, every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from fhir_service.cli.commands import command_line

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "mappings" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = get_command(command_line()).commands  # type: ignore[attr-defined]  # a Typer app with commands is a click Group


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_documented_and_explains_itself(command: str) -> None:
    pages = "\n".join(page.read_text() for page in PAGES)
    assert re.search(rf"fhir-service {command}\b|`{command}`|\[{command}", pages)
    assert len(COMMANDS[command].help or "") > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"\.venv/bin/fhir-service ([a-z][a-z-]+)", page.read_text()))
    assert named <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]+)\b", page.read_text())) - {"sure"} <= targets
