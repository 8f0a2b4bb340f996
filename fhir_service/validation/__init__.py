"""Resource in, findings out, in layers that are each cheap."""
