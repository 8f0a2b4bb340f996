"""Other forms of a resource's JSON text: XML both ways, and parts of it."""
