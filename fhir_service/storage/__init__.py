"""Versions, current resources and their index rows; the only place that knows SQL."""
