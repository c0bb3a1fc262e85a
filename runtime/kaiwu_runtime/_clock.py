"""The time as a reconciler sees it, so that a test can say what time it is."""

from __future__ import annotations

from datetime import UTC, datetime


class Clock:
    """Tells the time; a parameter of this type in a reconciler's constructor gets one."""

    def now(self) -> datetime:
        """Return the present time, in UTC."""
        return datetime.now(UTC)
