"""All that access control is made of, put together from the settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from fhir_service.api.auth.assertions import Assertions
from fhir_service.api.auth.gate import TokenGate
from fhir_service.api.auth.outside_tokens import OutsideTokens
from fhir_service.api.auth.token_endpoint import TokenEndpoint
from fhir_service.api.auth.tokens import Tokens, token_key
from fhir_service.settings import Settings
from fhir_service.storage.clients import Clients
from fhir_service.storage.repository import Key
from fhir_service.workflows.fetch_json import AllowedHosts
from fhir_service.workflows.issuer import Issuer
from fhir_service.workflows.key_sets import KeySets


@dataclass(frozen=True, slots=True)
class Authority:
    """Gives tokens, and reads them. Belongs to one store and one event loop."""

    clients: Clients
    tokens: Tokens
    endpoint: TokenEndpoint
    gate: TokenGate


def authority_of(settings: Settings, clients: Clients, fixed: frozenset[Key]) -> Authority:
    """Raises UnusableTokenKey."""
    tokens = Tokens(token_key(settings.token_key_file), settings.own_address, settings.token_seconds)
    hosts = AllowedHosts(frozenset(settings.jwks_hosts), frozenset(settings.jwks_private_hosts))
    endpoint = TokenEndpoint(Assertions(clients, KeySets(hosts)), tokens)
    return Authority(clients, tokens, endpoint, TokenGate(tokens, clients, fixed, _outside(settings, hosts, fixed)))


def _outside(settings: Settings, hosts: AllowedHosts, fixed: frozenset[Key]) -> OutsideTokens | None:
    """None where no outside issuer is trusted."""
    if not settings.oidc_issuer:
        return None
    own_host = urlsplit(settings.oidc_issuer).hostname or ""
    issuer = Issuer(settings.oidc_issuer, replace(hosts, private=hosts.private | {own_host}))
    audience = settings.oidc_audience or settings.own_address
    return OutsideTokens(
        issuer,
        audience,
        settings.oidc_algorithms,
        settings.oidc_token_seconds,
        settings.own_address,
        settings.resource_types,
        fixed,
    )
