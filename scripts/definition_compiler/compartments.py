"""HL7's compartments: through which search parameters a resource belongs to a patient, an encounter and so on."""

from __future__ import annotations

from definition_compiler.package import VERSION, Resource


def compartments(resources: list[Resource]) -> dict[str, dict[str, list[str]]]:
    """{compartment: {resource type: [search parameters]}}. `{def}`, the resource that gives the compartment its name,
    is left out, and so are types that have no part in it; a type that HL7 lists by itself alone has no parameter."""
    found = {}
    for definition in sorted(resources, key=lambda entry: str(entry["url"])):
        if definition.get("version") == VERSION:
            found[definition["code"]] = {
                entry["code"]: parameters
                for entry in definition["resource"]
                if (parameters := [name for name in entry.get("param", ()) if name != "{def}"])
            }
    return found
