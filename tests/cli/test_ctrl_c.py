"""What is pressed while Python clears an object away is heard too."""

from __future__ import annotations

import signal

import pytest

from fhir_service.cli.ctrl_c import CtrlC


class _Gone:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ctrl_c_that_python_drops_ends_it_before_the_next_thing() -> None:
    reached = []
    with CtrlC() as pressed:
        for number in pressed.between(range(3)):
            reached.append(number)
            _Gone()
    assert (bool(pressed), reached) == (True, [0])


def test_without_one_all_is_done_and_the_handler_is_the_one_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with CtrlC() as pressed:
        assert list(pressed.between(range(3))) == [0, 1, 2]
    assert (bool(pressed), signal.getsignal(signal.SIGINT)) == (False, before)


def test_another_error_is_no_ctrl_c() -> None:
    pressed = CtrlC()
    with pytest.raises(OSError, match="full"), pressed:
        raise OSError("full")
    assert not pressed
