"""Copies of annotated reports with other ages, sexes, levels, values, orders or wordings, in text and annotation alike.

What a rule reads must not hang on a particular number, sex, level or order: the copies score as their originals do.
`python -m changed_reports --help` (with `tests` on the path) measures it.
"""
