"""Partial changes of a resource: JSON Patch, JSON Merge Patch and FHIRPath Patch. Pure: values in, values out."""
