"""Threads for asyncio.to_thread, where the process may start none for a while."""

from __future__ import annotations

import threading

import pytest

from kaiwu_runtime.manager._executor import DaemonExecutor


def test_a_thread_that_cannot_be_started_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's limit of processes: later calls get their threads once there is room again."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    executor = DaemonExecutor(2)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        for _ in range(5):
            with pytest.raises(RuntimeError, match="new thread"):
                executor.submit(int)
    assert [executor.submit(abs, -value).result(5) for value in range(4)] == [0, 1, 2, 3]
    executor.shutdown()
