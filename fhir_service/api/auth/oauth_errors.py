"""What the endpoints of OAuth 2.0 answer when they refuse (RFC 6749 section 5.2)."""

from __future__ import annotations

from typing import Literal

Code = Literal["invalid_request", "invalid_client", "invalid_scope", "unauthorized_client", "unsupported_grant_type"]


class OAuthError(Exception):
    """A request for a token that is refused; the text tells a developer what to mend."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def status(self) -> int:
        return 401 if self.code == "invalid_client" else 400
