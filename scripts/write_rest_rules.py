"""Write docs/conformance/{rest,bulk}-rules.md: every rule of the REST API and of bulk export, with its tests.

    python scripts/write_rest_rules.py [--check]

--check writes nothing, and exits 1 where lists, marks and pages do not agree.
"""

from __future__ import annotations

import argparse
import sys

from rest_rules import LISTINGS, checklist, contradictions, every_rule, marks, page


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true")
    check = arguments.parse_args().check
    tests = marks()
    wrong = contradictions(every_rule(), tests)
    for listing in LISTINGS:
        text = page(checklist(listing.rules), tests, listing.head)
        if not check:
            listing.page.write_text(text)
        elif listing.page.read_text() != text:
            wrong.append(f"{listing.page.name} is not what the tests say now: make rules")
    print("\n".join(wrong) or "lists, marks and pages agree", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
