"""Series of equal events: how often they happened, and which counts the API server does not have yet.

Two events are the same when everything but note and time is. The first becomes an Event; the second makes it a
series at once; what comes then is counted here and written now and then, and the series ends when nothing came for
a while. That is what client-go's recorder of events.k8s.io does, but for one thing: the version an object was read
in makes no other event, or a controller that writes a status would never repeat one.

See https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/#Event
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

MOST_WAITING = 1000
"""Maximum number of events that wait to be written; newer ones are dropped."""

MOST_REMEMBERED = 4096
"""Maximum number of series that are remembered; the least recently repeated one is forgotten first."""

REFRESH_SECONDS = 60.0
"""How often the count of a series is written."""

END_SECONDS = 360.0
"""A series ends so long after its last event."""


class Reference(NamedTuple):
    """One object, as an event names it."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    def fields(self, resource_version: str) -> dict[str, str]:
        """Return the ObjectReference, without empty fields."""
        fields = {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "resourceVersion": resource_version,
        }
        return {name: value for name, value in fields.items() if value}


class EventKey(NamedTuple):
    """What makes two events the same."""

    type: str
    action: str
    reason: str
    controller: str
    instance: str
    regarding: Reference
    related: Reference | None


class Series(msgspec.Struct, eq=False):
    """One event and its repetitions.

    Attributes:
        key: What makes it this one.
        fields: The Event object without its times and its series; never changes.
        began: When it happened first.
        last: When it happened last.
        seen_at: The same on the monotonic clock, in seconds.
        count: How often it happened.
        written: The count the API server has; 0 while there is no object.
        written_at: When it was last sent, in monotonic seconds.
        attempts: Rejections in a row that may pass.
        waiting: Whether it is in the queue.
    """

    key: EventKey
    fields: dict[str, Any]
    began: datetime
    last: datetime
    seen_at: float
    count: int = 1
    written: int = 0
    written_at: float = float("-inf")
    attempts: int = 0
    waiting: bool = False


class SeriesMemory:
    """Counts events and queues the series that are to be written; every method may be called from any thread.

    Args:
        refresh: Seconds between two writes of a series.
        end: Seconds without a repetition that end a series.
        most_waiting: Length of the queue.
        most_remembered: Number of series.
    """

    def __init__(
        self,
        *,
        refresh: float = REFRESH_SECONDS,
        end: float = END_SECONDS,
        most_waiting: int = MOST_WAITING,
        most_remembered: int = MOST_REMEMBERED,
    ) -> None:
        self._refresh = refresh
        self._end = end
        self._most_waiting = most_waiting
        self._most_remembered = most_remembered
        self._lock = threading.Lock()
        self._known: OrderedDict[EventKey, Series] = OrderedDict()
        self._queue: deque[Series] = deque()
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._known)

    @property
    def waiting(self) -> int:
        """How many series wait to be written."""
        return len(self._queue)

    def observe(self, key: EventKey, fields: dict[str, Any], moment: datetime, now: float) -> bool:
        """Count an event; tell whether there is something new to write.

        Args:
            key: What makes it the same as another.
            fields: The Event object, used when it is the first.
            moment: When it happened.
            now: The same on the monotonic clock, in seconds.
        """
        with self._lock:
            series = self._known.get(key)
            if series is not None and now - series.seen_at < self._end:
                self._known.move_to_end(key)
                series.count += 1
                series.last, series.seen_at = moment, now
                # Becoming a series is written at once; a full queue leaves it to a later sweep.
                return series.written < 2 and self._enqueue(series)
            fresh = Series(key, fields, began=moment, last=moment, seen_at=now)
            if not self._enqueue(fresh):
                self._dropped += 1
                return False
            if series is not None:
                self._write_the_rest(series)
            self._known[key] = fresh
            self._known.move_to_end(key)
            if len(self._known) > self._most_remembered:
                self._write_the_rest(self._known.popitem(last=False)[1])
            return True

    def take(self) -> Series | None:
        """Return the next series to write and take it out of the queue."""
        with self._lock:
            if not self._queue:
                return None
            series = self._queue.popleft()
            series.waiting = False
            return series

    def put_back(self, series: Series) -> None:
        """Queue a series again whose write failed, behind the others and even if the queue is full."""
        with self._lock:
            if not series.waiting:
                series.waiting = True
                self._queue.append(series)

    def written(self, series: Series, count: int, now: float) -> None:
        """Note what the API server has of a series; 0 when it has no object any more."""
        with self._lock:
            series.written = count
            series.written_at = now
            series.attempts = 0

    def forget(self, series: Series) -> None:
        """Drop a series that cannot be written; the same event starts a new one."""
        with self._lock:
            if self._known.get(series.key) is series:
                del self._known[series.key]

    def sweep(self, now: float) -> None:
        """Queue what is due: counts that were not written for a while, and the last count of series that end.

        Args:
            now: Monotonic seconds.
        """
        with self._lock:
            for key, series in list(self._known.items()):
                if series.waiting:
                    continue
                ended = now - series.seen_at >= self._end
                behind = series.count > series.written
                due = behind and (ended or now - series.written_at >= self._refresh)
                if due and not self._enqueue(series):
                    return  # full: the next sweep goes on
                if ended:
                    del self._known[key]

    def finish(self) -> None:
        """Queue every count that is not written yet."""
        with self._lock:
            for series in self._known.values():
                self._write_the_rest(series)

    def dropped(self) -> int:
        """Return how many events were dropped since the last call."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
            return dropped

    def _write_the_rest(self, series: Series) -> None:
        if series.count > series.written:
            self._enqueue(series)

    def _enqueue(self, series: Series) -> bool:
        """Put a series into the queue unless it is there or the queue is full; tell whether it is there now."""
        if series.waiting:
            return True
        if len(self._queue) >= self._most_waiting:
            return False
        series.waiting = True
        self._queue.append(series)
        return True
