"""What an interruption says of the files."""

from __future__ import annotations

import signal

import pytest

from kaiwuctl.scaffold.interruption import Interruption, in_scratch, interrupted, note_written


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
