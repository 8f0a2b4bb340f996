"""The Dockerfile and docker-compose.yml say only what exists; no Docker daemon is needed to know."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from fhir_service.cli.commands import command_line
from fhir_service.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PINNED = re.compile(r"^[\w./-]+:\d+\.\d+(\.\d+)?[\w.-]*$")
OURS = [name for name, service in SERVICES.items() if "build" in service]


def test_every_image_is_pinned_to_a_version() -> None:
    images = [service["image"] for service in SERVICES.values()] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert [image for image in images if not PINNED.match(image)] == []


@pytest.mark.parametrize("name", OURS)
def test_every_setting_it_passes_exists(name: str) -> None:
    prefix = "FHIR_SERVICE_"
    passed = SERVICES[name]["environment"]
    assert all(setting.startswith(prefix) for setting in passed)
    assert {setting.removeprefix(prefix).lower() for setting in passed} <= set(Settings.model_fields)


@pytest.mark.parametrize("name", OURS)
def test_every_command_and_option_it_runs_exists(name: str) -> None:
    commands = get_command(command_line()).commands  # type: ignore[attr-defined]  # a Typer app with commands is a click Group
    command, *arguments = SERVICES[name]["command"]
    assert command in commands
    known = {option for parameter in commands[command].params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= known


def test_the_containers_run_without_root_and_the_service_waits_for_the_migration() -> None:
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert users
    assert not users[-1].startswith(("root", "0"))
    assert SERVICES["service"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert SERVICES["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert SERVICES["migrate"]["restart"] == "no"


def test_what_stays_up_has_a_healthcheck() -> None:
    lasting = [service for service in SERVICES.values() if service["restart"] != "no"]
    assert lasting
    assert all("healthcheck" in service for service in lasting)


@pytest.mark.parametrize("name", OURS)
def test_exports_have_a_place_that_can_be_written_on_a_file_system_that_cannot(name: str) -> None:
    place = SERVICES[name]["environment"]["FHIR_SERVICE_EXPORT_FILES"]
    assert place in [mount.partition(":")[2] for mount in SERVICES[name]["volumes"]]
    assert f"--owner=10001 --group=10001 {place}\n" in DOCKERFILE


def test_a_stop_waits_until_the_requests_that_run_have_ended() -> None:
    drain = Settings.model_fields["max_drain_seconds"].default
    assert int(SERVICES["service"]["stop_grace_period"].removesuffix("s")) >= drain + 10


def test_every_file_the_image_copies_exists() -> None:
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        assert [source for source in sources if not (ROOT / source).exists()] == []
