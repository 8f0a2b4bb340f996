"""One file per interaction of the REST API: its handler, and the row that routes to it."""
