"""Settings are read from the environment only, refuse what they do not know, and are documented."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from fhir_service.settings import PREFIX, Settings, read_settings
from fhir_service.validation.layers import Layer

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def documented() -> dict[str, tuple[str, str]]:
    page = (ROOT / "docs" / "howto" / "settings.md").read_text("utf-8")
    rows = re.findall(rf"^\| `{PREFIX}(\w+)` \| (.*?) \| (.*) \|$", page, re.MULTILINE)
    return {name.lower(): (default.strip("`"), text) for name, default, text in rows}


def test_every_setting_is_documented_with_its_default_and_description() -> None:
    def written(value: object) -> str:
        return ",".join(value) if isinstance(value, tuple) else str(value)

    expected = {name: (written(field.default), field.description) for name, field in Settings.model_fields.items()}
    assert documented() == expected


def test_settings_come_from_the_environment_and_lists_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_SERVICE_PORT", "9000")
    monkeypatch.setenv("FHIR_SERVICE_ALLOWED_HOSTS", "a.example, b.example")
    monkeypatch.setenv("FHIR_SERVICE_RESOURCE_TYPES", "Patient,Basic")
    monkeypatch.setenv("FHIR_SERVICE_PUBLIC_BASE_URL", "https://registry.example.org/fhir/")
    monkeypatch.setenv("FHIR_SERVICE_VALIDATION", "Patient=structure, *=codes")
    settings = read_settings()
    assert settings.layers == {"Patient": Layer.STRUCTURE, "*": Layer.CODES}
    assert settings.port == 9000
    assert settings.allowed_hosts == ("a.example", "b.example")
    assert settings.resource_types == ("Basic", "Patient")
    assert settings.public_base_url == "https://registry.example.org/fhir"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "eight", "FHIR_SERVICE_PORT"),
        ("PORT", "70000", "FHIR_SERVICE_PORT"),
        ("MAX_BODY_BYTES", "-1", "FHIR_SERVICE_MAX_BODY_BYTES"),
        ("PUBLIC_BASE_URL", "registry", "FHIR_SERVICE_PUBLIC_BASE_URL"),
        ("RESOURCE_TYPES", "Patient,nonsense", "nonsense"),
        ("VALIDATION", "Patient=everything", "Type=layer"),
        ("VALIDATION", "Patent=codes", "Patent"),
        ("VALIDATION", "codes", "Type=layer"),
        ("MISSING_TARGETS", "maybe", "FHIR_SERVICE_MISSING_TARGETS"),
        ("LOG_LEVEL", "loud", "FHIR_SERVICE_LOG_LEVEL"),
        ("MAX_PAGE_SIZE", "10", "default_page_size"),
        ("PROT", "8000", "FHIR_SERVICE_PORT meant?"),
    ],
)
def test_a_setting_that_cannot_be_read_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        read_settings()
    assert "\n" not in str(caught.value)
