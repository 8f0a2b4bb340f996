"""What the service tells of itself to those who run it: measures and traces, never of a patient."""
