"""Resources against StructureDefinitions: profiles and extensions, compiled once and run often (R4 profiling.html)."""
