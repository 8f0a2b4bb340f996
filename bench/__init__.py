"""What is measured: each module here has `figures() -> list[Figure]`; `python -m bench` runs them all."""
