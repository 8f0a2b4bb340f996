"""The key that a client signs with: read in the forms it comes in, and refused where it cannot sign."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey
from smart_client import EC, RSA

from fhir_service.workflows.bulk_client.client_key import read_client_key
from fhir_service.workflows.bulk_client.errors import UnusableKey

SECRET = {**EC.as_dict(private=True), "kid": "ec"}
OTHER = {**RSA.as_dict(private=True), "kid": "rsa"}
TOKEN_URL = "https://server.example.org/token"


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("file", "kid", "signs"),
    [
        (text(SECRET), "", ("ec", "ES384")),
        (text(OTHER), "", ("rsa", "RS384")),
        (text(SECRET), "mine", ("mine", "ES384")),
        (text({"keys": [EC.as_dict(private=False), SECRET]}), "", ("ec", "ES384")),
        (text({"keys": [SECRET, OTHER]}), "rsa", ("rsa", "RS384")),
        (EC.as_pem(private=True), "pem", ("pem", "ES384")),
        (RSA.as_pem(private=True), "pem", ("pem", "RS384")),
    ],
    ids=["JWK", "RSA", "named", "JWKS", "one of a JWKS", "PEM", "PEM of RSA"],
)
def test_an_assertion_is_what_smart_wants_of_it(file: bytes, kid: str, signs: tuple[str, str]) -> None:
    key = read_client_key(file, kid)
    assertion = key.assertion("me", TOKEN_URL)
    header = jws.extract_compact(assertion.encode()).headers()
    assert (header["kid"], header["alg"], header["typ"]) == (*signs, "JWT")
    claims = jwt.decode(assertion, EC if signs[1] == "ES384" else RSA, algorithms=[signs[1]]).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("me", "me", TOKEN_URL)
    assert time.time() < claims["exp"] <= time.time() + 300
    assert claims["jti"] != jwt.decode(key.assertion("me", TOKEN_URL), key.key, algorithms=[signs[1]]).claims["jti"]


@pytest.mark.parametrize(
    ("file", "kid", "reason"),
    [
        (b"nonsense", "", "neither PEM nor"),
        (text([]), "", "neither PEM nor"),
        (text({"keys": {}}), "", "neither PEM nor"),
        (text(EC.as_dict(private=False)), "", "no private key"),
        (text({"keys": [SECRET, OTHER]}), "", "several private keys"),
        (text({"keys": [SECRET, OTHER]}), "third", "several private keys"),
        (text({**SECRET, "kid": ""}), "", "no kid"),
        (text({**SECRET, "kty": "oct"}), "", "kind RSA or EC"),
        (text({**SECRET, "x": "?"}), "", "cannot be read"),
        (text({**ECKey.generate_key("P-256", private=True).as_dict(private=True), "kid": "a"}), "", "P-384"),
        (EC.as_pem(private=True), "", "name it with --kid"),
        (EC.as_pem(private=False), "a", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "a", "can be read"),
    ],
)
def test_a_key_that_cannot_sign_is_refused(file: bytes, kid: str, reason: str) -> None:
    with pytest.raises(UnusableKey, match=reason):
        read_client_key(file, kid)
