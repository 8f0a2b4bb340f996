"""Code systems, value sets, concept maps and units from mappings/. Pure."""
