"""What a setting may hold that is more than a number or a word; what it may not is refused with a sentence."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from fhir_service.definitions.elements import resource_types
from fhir_service.validation.layers import EVERY_TYPE, layers

_RESOURCE_TYPE = re.compile(r"[A-Z][A-Za-z]+")
_ORIGIN = re.compile(r"https?://[^\s/?#*]+")
_RATE = re.compile(r"[1-9]\d*/(second|minute|hour|day)")
_PUBLIC_KEY = re.compile(r"(RS|PS|ES)(256|384|512)")
_BASE_URL = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")


def _split_at_commas(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _are_resource_types(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not _RESOURCE_TYPE.fullmatch(name):
            raise ValueError(f"'{name}' is not the name of a resource type")
        if name == "AuditEvent":
            raise ValueError("AuditEvents are written by the service itself (setting audit), not by clients")
    return tuple(sorted(set(value)))


def _are_networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        ipaddress.ip_network(network)  # raises ValueError with a sentence
    return value


def _are_origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for origin in value:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"'{origin}' is no origin, such as https://app.example.org; `*` is not taken")
    return value


def _are_public_key_algorithms(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not _PUBLIC_KEY.fullmatch(name):
            raise ValueError(f"'{name}' is none of RS256, PS256, ES256 and those with 384 or 512")
    return value


def _are_layers(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in layers(value):
        if name != EVERY_TYPE and name not in resource_types():
            raise ValueError(f"'{name}' is not the name of a resource type")
    return value


def _is_an_issuer(value: str) -> str:
    if value and not _BASE_URL.fullmatch(value):
        raise ValueError("wants an https URL without query, as the tokens have it in iss")
    return value


def _is_a_rate(value: str) -> str:
    if value not in ("", "auto") and not _RATE.fullmatch(value):
        raise ValueError("wants auto, or a number and a time, such as 600/minute; second, minute, hour or day")
    return value


def _is_a_base_url(value: str) -> str:
    if value and not _BASE_URL.fullmatch(value):
        raise ValueError("wants an http or https URL without query, such as https://registry.example.org/fhir")
    return value.rstrip("/")


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_at_commas)]
ResourceTypes = Annotated[Names, AfterValidator(_are_resource_types)]
Networks = Annotated[Names, AfterValidator(_are_networks)]
Origins = Annotated[Names, AfterValidator(_are_origins)]
Algorithms = Annotated[Names, AfterValidator(_are_public_key_algorithms)]
Layers = Annotated[Names, AfterValidator(_are_layers)]
Issuer = Annotated[str, AfterValidator(_is_an_issuer)]
Rate = Annotated[str, AfterValidator(_is_a_rate)]
BaseUrl = Annotated[str, AfterValidator(_is_a_base_url)]
