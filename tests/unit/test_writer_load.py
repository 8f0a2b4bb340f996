"""The ledger of the crash tests would notice what they are there to notice."""

from __future__ import annotations

from writer_load import Attempt, Ledger, Row

KEYS = [("Patient", name, 1) for name in "abc"]
STORED = [Row(key, "created", "t") for key in KEYS]
GONE = ("Patient", "old", 3)


def test_what_is_lost_or_there_in_part_or_of_nobody_is_told() -> None:
    whole = Attempt("t", parts=3, deletes=(GONE,))
    deletion = Row(GONE, "deleted", "")
    assert Ledger([whole]).faults([*STORED, deletion]) == []
    assert Ledger([whole]).faults([]) == []
    assert "in part" in Ledger([whole]).faults(STORED)[0]
    assert "in part" in Ledger([whole]).faults([*STORED[:2], deletion])[0]
    assert "in part" in Ledger([whole]).faults([deletion])[0]
    assert len(Ledger([]).faults(STORED)) == 3
    whole.made = (*KEYS, GONE)
    assert Ledger([whole]).faults([*STORED, deletion]) == []
    for lost in range(4):
        rows = [*STORED, deletion]
        del rows[lost]
        assert "acknowledged" in Ledger([whole]).faults(rows)[0]
    other = [Row((kind, name, 2), action, marker) for (kind, name, _), action, marker in STORED]
    assert "acknowledged" in Ledger([whole]).faults([*other, deletion])[0]


def test_what_was_refused_may_not_be_there() -> None:
    refused = Attempt("t", refused=True)
    assert Ledger([refused]).faults([]) == []
    assert "refused" in Ledger([refused]).faults(STORED[:1])[0]
