"""Write docs/conformance/rest-rules.md: every rule of the REST API and the tests that hold it.

    python scripts/write_rest_rules.py [--check]

--check writes nothing, and exits 1 where list, marks and page do not agree.
"""

from __future__ import annotations

import argparse
import sys

from rest_rules import PAGE, checklist, contradictions, marks, page


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true")
    check = arguments.parse_args().check
    rules, tests = checklist(), marks()
    wrong = contradictions(rules, tests)
    text = page(rules, tests)
    if not check:
        PAGE.write_text(text)
    elif PAGE.read_text() != text:
        wrong.append(f"{PAGE.name} is not what the tests say now: make rules")
    print("\n".join(wrong) or f"{PAGE.name}: list, marks and page agree", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
