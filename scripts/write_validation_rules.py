"""Write docs/conformance/validation-rules.md: every rule that has a case, and what breaks it.

python scripts/write_validation_rules.py
"""

from __future__ import annotations

from validation_rules import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(PAGE)
