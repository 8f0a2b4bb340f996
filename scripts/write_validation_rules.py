"""Write the catalogues of validation rules in docs/conformance: every rule that has a case, and what breaks it.

python scripts/write_validation_rules.py
"""

from __future__ import annotations

import case_report_rules
import submission_rules
import validation_rules

if __name__ == "__main__":
    for catalogue in (validation_rules, case_report_rules, submission_rules):
        catalogue.PAGE.write_text(catalogue.page(), "utf-8")
        print(catalogue.PAGE)
