"""An S3 for the tests: moto's server in a thread of this process, with one bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

KEYS = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"


@contextmanager
def bucket() -> Iterator[str]:
    """The URL of a place in it; the environment has its keys meanwhile, for processes that are begun too."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415  # it takes a second to import

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            *(("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "y"), ("REGION", "us-east-1")),
            *(("ENDPOINT", address), ("ALLOW_HTTP", "true")),
        ):
            patch.setenv(f"AWS_{name}", value)
        try:
            httpx.put(f"{address}/exports", headers={"authorization": KEYS}).raise_for_status()
            yield "s3://exports/of/the/tests"
        finally:
            server.stop()
