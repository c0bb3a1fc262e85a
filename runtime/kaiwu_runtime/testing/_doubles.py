"""Test doubles for constructor parameters: a recorder that keeps its events, and a clock that stands still."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from kaiwu_runtime._clock import Clock
from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.recorder import EventRecorder, EventSender
from kaiwu_runtime.recorder._series import EventKey


@dataclass(frozen=True, slots=True)
class FakeEvent:
    """An event that was recorded.

    Attributes:
        type: ``Normal`` or ``Warning``.
        reason: Why, for programs.
        action: What was done, for programs.
        note: Message for people.
        kind: The kind of the object it is about.
        key: The object's namespace and name.
    """

    type: str
    reason: str
    action: str
    note: str
    kind: str
    key: ObjectKey


class FakeRecorder(EventRecorder):
    """Keeps events instead of writing them; wrong arguments raise ValueError, as in the real one.

    Args:
        name: The controller's name.

    Attributes:
        events: What was recorded, in order; repetitions are not counted together.
    """

    def __init__(self, name: str = "test-controller") -> None:
        super().__init__(cast("EventSender", self), name)
        self.events: list[FakeEvent] = []

    def record(self, key: EventKey, fields: dict[str, Any]) -> None:
        """Keep an event."""
        about = key.regarding
        found = FakeEvent(
            key.type, key.reason, key.action, fields["note"], about.kind, ObjectKey(about.namespace, about.name)
        )
        self.events.append(found)


class FakeClock(Clock):
    """A clock whose time a test sets.

    Args:
        start: Default is the beginning of 2026, in UTC.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the clock's time."""
        return self._now

    def monotonic(self) -> float:
        """Return monotonic seconds, which grow when the clock is advanced."""
        return self._now.timestamp()

    def advance(self, seconds: float | timedelta) -> None:
        """Move the clock forward."""
        self._now += seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
