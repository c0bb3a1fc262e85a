"""The two lines of the work queue."""

from __future__ import annotations

import enum


class Priority(enum.IntEnum):
    """Which line a key waits in."""

    LOW = 0
    """Objects of the initial list: all of them will be worked on, none is urgent."""

    NORMAL = 1
    """Everything that happens."""
