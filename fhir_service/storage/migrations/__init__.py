"""The schema, step by step. `LATEST` is the revision this release works with."""

LATEST = "0013"
