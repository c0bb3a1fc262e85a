"""End child processes that a user's code forks before they continue as a second operator.

A child that returns from the callback that forked it, or calls ``sys.exit()`` there, would otherwise continue as a
second operator on the same connections. The signals of a child are the subject of
:mod:`~kaiwu_runtime.manager._signals`.

See https://docs.python.org/3/library/os.html#os.register_at_fork
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

_running = 0
"""Number of managers that run in this process."""

_is_child = False
"""Whether this process was forked while a manager ran, and has not started one of its own."""


@contextmanager
def operator() -> Iterator[None]:
    """Count a manager as running in this process while the block runs."""
    global _running, _is_child  # noqa: PLW0603 - a fact about the process
    _running += 1
    _is_child = False
    try:
        yield
    finally:
        _running = max(0, _running - 1)


def leave_child(error: BaseException | None = None) -> None:
    """End the process if it is a forked child of the operator; otherwise do nothing.

    Called after a user's code has returned or raised, before the operator continues with its own work.

    Args:
        error: What the code raised; None when it returned.
    """
    if not _is_child:
        return
    status = 0
    if isinstance(error, SystemExit):
        if error.code is not None and not isinstance(error.code, int):
            sys.stderr.write(f"{error.code}\n")
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(error)
        status = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
    # Not sys.exit(): it would close and join objects that belong to the parent.
    os._exit(status & 0xFF)


def _after_in_child() -> None:
    global _running, _is_child
    if not _running:
        return
    _running, _is_child = 0, True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_in_child)
