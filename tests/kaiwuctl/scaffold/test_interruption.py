"""What an interruption says of the files."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from kaiwuctl.scaffold.interruption import (
    Interruption,
    deferred,
    in_scratch,
    interrupted,
    note_written,
    raise_if_interrupted,
    stop_cleanly,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def stopping() -> Iterator[None]:
    """The handlers of a command; the test's own come back."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    stop_cleanly()
    yield
    stop_cleanly()  # forgets the signals of the test
    for number, handler in before.items():
        signal.signal(number, handler)


def stopped_in_scratch() -> None:
    with in_scratch():
        note_written()
        raise interrupted(signal.SIGTERM)


def test_what_is_written_in_scratch_is_not_written() -> None:
    with in_scratch():
        note_written()
    assert not interrupted(signal.SIGINT).written

    with pytest.raises(Interruption) as found:
        stopped_in_scratch()
    assert (found.value.signal, found.value.written) == (signal.SIGTERM, False)
    assert not interrupted(signal.SIGINT).written


def signal_in_blocks(number: int, depth: int, reached: list[int]) -> None:
    """Send a signal in the innermost of nested blocks, and note after which of them the code goes on."""
    with deferred() as received:
        if depth > 1:
            signal_in_blocks(number, depth - 1, reached)
        else:
            signal.raise_signal(number)
        assert received() == number
        reached.append(depth)
    if depth > 1:
        reached.append(-depth)


@pytest.mark.usefixtures("stopping")
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_deferred_signal_takes_effect_after_the_outermost_block(number: signal.Signals, depth: int) -> None:
    reached: list[int] = []
    with pytest.raises(Interruption) as found:
        signal_in_blocks(number, depth, reached)
    assert found.value.signal == number
    assert [each for each in reached if each > 0] == list(range(1, depth + 1))
    assert -depth not in reached


@pytest.mark.usefixtures("stopping")
def test_a_signal_that_is_ignored_stays_so() -> None:
    """As under nohup, and in the background of a shell."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with deferred() as received:
        signal.raise_signal(signal.SIGHUP)
        count = received()
    assert count == 0
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.usefixtures("stopping")
def test_the_next_command_of_the_process_is_not_stopped() -> None:
    with pytest.raises(Interruption):
        signal.raise_signal(signal.SIGHUP)
    with pytest.raises(Interruption):
        raise_if_interrupted()
    stop_cleanly()
    raise_if_interrupted()
