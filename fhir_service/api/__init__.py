"""HTTP in, a call, HTTP out: the only package that knows FastAPI and ASGI."""
