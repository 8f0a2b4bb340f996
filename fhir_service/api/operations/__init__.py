"""One file per operation: its handler, and the row that routes to it."""
