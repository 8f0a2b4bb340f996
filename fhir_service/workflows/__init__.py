"""What the service does, one file per thing, top to bottom."""
