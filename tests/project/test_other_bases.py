"""A service under a base of its own knows what services under the default one have made."""

from __future__ import annotations

from golden_cases import CASES

from fhir_service.workflows.check_conformance import Conformance, all_issues


def test_under_another_base_nothing_that_the_default_one_makes_is_an_error_or_unknown() -> None:
    elsewhere = Conformance("https://registry.example.com/fhir")
    resources = [entry["resource"] for entry in CASES["every-kind-of-fact"].expected["entry"]]
    found = [issue for resource in resources for issue in all_issues(resource, elsewhere)]
    assert [issue for issue in found if issue.severity in ("error", "fatal")] == []
    assert [issue for issue in found if issue.rule in ("profile.extension-unknown", "code.not-checked")] == []
