"""What a client may do in the last while, at moments of our choosing."""

from __future__ import annotations

import pytest

from fhir_service.api.sliding_window import SlidingWindow


def test_a_limit_cannot_be_spent_twice_around_the_end_of_a_window() -> None:
    window = SlidingWindow("60/minute")
    assert [window.wait("a", 59.0) for _ in range(60)] == [0] * 60
    assert window.wait("a", 59.5) == 0.5
    assert window.wait("a", 60.0) > 0
    assert [window.wait("a", 90.0) for _ in range(30)] == [0] * 30
    assert window.wait("a", 90.0) > 0


@pytest.mark.parametrize("moment", [0.0, 12.5, 59.9, 60.0, 61.0, 75.0])
def test_who_waits_as_long_as_told_is_answered(moment: float) -> None:
    window = SlidingWindow("10/minute")
    for number in range(10):
        window.wait("a", number * 2.5)
    while (seconds := window.wait("a", moment)) == 0:
        pass
    assert window.wait("a", moment + seconds + 0.001) == 0


def test_clients_are_counted_by_themselves_and_forgotten_after_two_windows() -> None:
    window = SlidingWindow("1/second")
    assert window.wait("a", 5.0) == 0
    assert window.wait("b", 5.0) == 0
    assert window.wait("a", 5.0) > 0
    assert window.wait("a", 7.0) == 0


def test_what_is_no_rate_is_refused() -> None:
    for rate in ("", "0/minute", "ten/minute", "10/fortnight"):
        with pytest.raises(ValueError, match="no number and a time"):
            SlidingWindow(rate)
