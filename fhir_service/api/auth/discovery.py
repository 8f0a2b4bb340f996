"""What a client has to know to get a token (SMART 2.2.0, `.well-known/smart-configuration`)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fhir_service.api.auth.assertions import ALGORITHMS

CONFIGURATION = ".well-known/smart-configuration"
GRANT = "auth/token"
INTROSPECTION = "auth/introspect"


def smart_configuration(base: str, types: Collection[str]) -> dict[str, Any]:
    """Of a server whose FHIR base is `base`."""
    scopes = [f"system/{kind}.{letters}" for kind in ("*", *sorted(types)) for letters in ("cruds", "rs", "read")]
    return {
        "token_endpoint": f"{base}/{GRANT}",
        "introspection_endpoint": f"{base}/{INTROSPECTION}",
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": scopes,
        "response_types_supported": ["token"],
        "code_challenge_methods_supported": ["S256"],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    }
