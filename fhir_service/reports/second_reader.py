"""How a fact says that a language model read it and not a rule."""

from __future__ import annotations

_PREFIX = "second-reader."


def rule_of(model: str) -> str:
    """The `rule` of a fact that this model read."""
    return f"{_PREFIX}{model}"


def model_of(rule: object) -> str | None:
    """The model that a `rule` names; None for a rule of ours."""
    return rule.removeprefix(_PREFIX) if isinstance(rule, str) and rule.startswith(_PREFIX) else None
