"""Raise the version of every artifact under mappings/ that has changed, and write mappings/versions.lock anew.

    python scripts/raise_versions.py [--check]

--check writes nothing, and exits 1 where a version has to be raised or the lock is not that of the artifacts.
"""

from __future__ import annotations

import argparse
import sys

from fhir_service.definitions.catalogue import Catalogue, mappings_root
from fhir_service.mapping.versions import LOCK, lock_text, raised, unraised, versions


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true")
    check = arguments.parse_args().check
    root = mappings_root()
    file = root / LOCK
    lock = file.read_text() if file.is_file() else ""
    now = versions(Catalogue(root))
    changed = unraised(now, lock)
    if check:
        print("\n".join(f"{name} has changed: make versions" for name in changed), file=sys.stderr)
        return int(bool(changed) or lock != lock_text(now))
    for name in changed:
        artifact = root / name
        artifact.write_text(raised(artifact.read_text("utf-8")), "utf-8")
    after = versions(Catalogue(root))
    file.write_text(lock_text(after), "utf-8")
    print("\n".join(f"{name}: {now[name].version} -> {after[name].version}" for name in changed) or "nothing raised")
    return 0


if __name__ == "__main__":
    sys.exit(main())
