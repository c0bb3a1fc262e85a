"""Write events in the background: in order, with retries after an outage, without delaying the controllers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from kaiwu_runtime import _clock as clocks
from kaiwu_runtime._back_off import back_off
from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.api._times import micro_time
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._request_options import PatchType
from kaiwu_runtime.errors import (
    AlreadyExistsError,
    APIConnectionError,
    APIError,
    APIStatusError,
    ConfigurationError,
    ForbiddenError,
    KaiwuError,
    NotFoundError,
)
from kaiwu_runtime.recorder._series import END_SECONDS, REFRESH_SECONDS, EventKey, Series, SeriesMemory
from kaiwu_runtime.rest._paths import collection_path, object_path

logger = logging.getLogger("kaiwu_runtime.recorder.sender")

EVENTS = ResourceIdentity("events.k8s.io", "v1", "Event", "events", namespaced=True)

ATTEMPTS = 12
"""How often an event is sent that the server rejects for reasons that may pass; without a connection: for ever."""

_json = msgspec.json.Encoder()


class EventTimings(msgspec.Struct, frozen=True):
    """How often events are written, in seconds.

    Attributes:
        refresh: Between two writes of the count of a series.
        end: Without a repetition, after which a series ends and the same event is a new one.
        sweep: Between two looks for what is due.
        back_off: After the first failure; doubled with each further one.
        max_back_off: The longest pause between two tries.
        drain: For what is left when the manager stops.
    """

    refresh: float = REFRESH_SECONDS
    end: float = END_SECONDS
    sweep: float = 5.0
    back_off: float = 0.5
    max_back_off: float = 30.0
    drain: float = 2.0

    def __post_init__(self) -> None:
        """Reject times with which the sender would look for events without a pause, or fail.

        Raises:
            ValueError: A time is not valid; the message names it.
        """
        for name in self.__struct_fields__:
            seconds, least = getattr(self, name), name in {"refresh", "end", "sweep"}
            if not (seconds > 0 if least else seconds >= 0):
                raise ValueError(
                    f"EventTimings: {name}={seconds!r}: use {'more than 0' if least else '0 or more'} seconds"
                )


class EventSender:
    """Takes events from recorders and writes them; a :class:`~kaiwu_runtime.manager.Runnable`.

    Args:
        connect: Returns the client; called when the first event is written.
        timings: How often.
        clock: Monotonic seconds.
        wall: The time of day, with a time zone.
        memory: Remembers the series; default is one with the limits of :mod:`kaiwu_runtime.recorder._series`.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        *,
        timings: EventTimings | None = None,
        clock: Callable[[], float] = clocks.monotonic,
        wall: Callable[[], datetime] = clocks.now,
        memory: SeriesMemory | None = None,
    ) -> None:
        self._connect = connect
        self._timings = timings or EventTimings()
        self._clock = clock
        self._wall = wall
        if memory is None:
            memory = SeriesMemory(refresh=self._timings.refresh, end=self._timings.end)
        self._memory = memory
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failures = 0
        self._swept_at = self._told_at = float("-inf")
        self._forbidden: dict[str, str] = {}  # by verb the namespace whose missing rule was told

    def record(self, key: EventKey, fields: dict[str, Any]) -> None:
        """Take an event; called by recorders, from any thread.

        Args:
            key: What makes it the same as another.
            fields: The Event object without times and series.
        """
        if self._memory.observe(key, fields, self._wall(), self._clock()) and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: events are no longer written
                self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Write events until cancelled, then what is left, for a short time."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._wake.clear()
                self._sweep()
                series = self._memory.take()
                if series is not None:
                    await asyncio.sleep(await self._write(series))
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._timings.sweep if len(self._memory) else None):
                        await self._wake.wait()
        except asyncio.CancelledError:
            # In a task of its own: before Python 3.11.3 a time limit inside a cancelled task raises CancelledError.
            await asyncio.create_task(self._drain())
            raise

    def _sweep(self) -> None:
        now = self._clock()
        if now - self._swept_at >= self._timings.sweep:
            self._swept_at = now
            self._memory.sweep(now)
        if now - self._told_at >= self._timings.refresh:
            self._tell_dropped(now)

    def _tell_dropped(self, now: float) -> None:
        dropped = self._memory.dropped()
        if dropped:
            self._told_at = now
            logger.warning("Dropped events: too many wait to be written", extra={"dropped": dropped})

    async def _drain(self) -> None:
        """Write the remaining events; stop at the first failure, since there is no time for a retry."""
        self._memory.finish()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timings.drain):
                while (series := self._memory.take()) is not None:
                    if await self._write(series):
                        break
        self._tell_dropped(self._clock())
        if self._memory.waiting:
            logger.warning("Stopped with events that are not written", extra={"events": self._memory.waiting})

    async def _write(self, series: Series) -> float:
        """Write one series; whatever fails ends here. Returns the seconds to wait before the next."""
        try:
            await self._send(series)
        except asyncio.CancelledError:
            self._memory.put_back(series)  # it may be written or not: its name tells
            raise
        except (APIConnectionError, ConfigurationError) as error:
            return self._postpone(series, error)
        except APIStatusError as error:
            if error.may_pass:
                series.attempts += 1
                if series.attempts < ATTEMPTS:
                    return self._postpone(series, error)
            self._give_up(series, error)
        except Exception:
            # A mistake here must cost an event, not the manager.
            logger.exception("Dropped an event", extra=_about(series))
            self._memory.forget(series)
        self._failures = 0
        return 0.0

    async def _send(self, series: Series) -> None:
        if series.written:
            try:
                await self._patch(series)
            except NotFoundError:
                self._memory.written(series, 0, self._clock())  # expired or deleted: made anew
            else:
                return
        try:
            await self._create(series)
        except AlreadyExistsError:
            # Ours, from a try whose answer got lost: the name is random. What it counts is not known.
            self._memory.written(series, 1, self._clock())
        if series.count > series.written:
            await self._patch(series)

    async def _create(self, series: Series) -> None:
        count, event = series.count, _body(series)
        path = collection_path(EVENTS, event["metadata"]["namespace"])
        client = self._connect()
        params = {"fieldManager": client.field_manager}
        await client.transport.request("POST", path, params=params, body=_json.encode(event))
        self._written("create", series, count)

    async def _patch(self, series: Series) -> None:
        count = series.count
        metadata = series.fields["metadata"]
        client = self._connect()
        await client.transport.request(
            "PATCH",
            object_path(EVENTS, metadata["namespace"], metadata["name"]),
            params={"fieldManager": client.field_manager},
            body=_json.encode({"series": _series(series)}),
            content_type=PatchType.MERGE.value,
        )
        self._written("patch", series, count)

    def _written(self, verb: str, series: Series, count: int) -> None:
        self._memory.written(series, count, self._clock())
        if self._forbidden and self._forbidden.get(verb) == series.fields["metadata"]["namespace"]:
            del self._forbidden[verb]  # granted since: it is told of again if it is revoked

    def _postpone(self, series: Series, error: KaiwuError) -> float:
        """Queue a series again, and return the seconds until the next try of any."""
        self._memory.put_back(series)
        pause = back_off(self._failures, first=self._timings.back_off, max_delay=self._timings.max_back_off)
        if isinstance(error, APIStatusError) and error.retry_after is not None:
            pause = max(pause, min(error.retry_after, self._timings.max_back_off))
        if not self._failures:
            logger.warning("Cannot write events; retrying", extra={"error": str(error)})
        self._failures += 1
        return pause

    def _give_up(self, series: Series, error: APIError) -> None:
        if isinstance(error, ForbiddenError) and not error.has_cause("NamespaceTerminating"):
            self._explain_once(series, error)
            if series.written:  # there is an Event, only its count cannot be written
                self._memory.written(series, series.written, self._clock())
                return
        elif isinstance(error, ForbiddenError | NotFoundError):
            logger.debug("Dropped an event: its namespace is terminating", extra=_about(series))
        else:
            logger.error("Dropped an event: the API server rejected it", extra={**_about(series), "error": str(error)})
        self._memory.forget(series)

    def _explain_once(self, series: Series, error: ForbiddenError) -> None:
        verb = "patch" if series.written else "create"
        if verb in self._forbidden:
            return
        self._forbidden[verb] = series.fields["metadata"]["namespace"]
        logger.error(
            "Cannot %s events: missing RBAC rule: groups='events.k8s.io' resources='events' verbs=create,patch; "
            "declare it with @rbac and run `make manifests`",
            verb,
            extra={**_about(series), "error": error.message},
        )


def _body(series: Series) -> dict[str, Any]:
    """Return the Event object, with its series if it was repeated before it could be written."""
    event = {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        **series.fields,
        "eventTime": micro_time(series.began),
    }
    return {**event, "series": _series(series)} if series.count > 1 else event


def _series(series: Series) -> dict[str, Any]:
    return {"count": series.count, "lastObservedTime": micro_time(series.last)}


def _about(series: Series) -> dict[str, str]:
    regarding = series.key.regarding
    where = f"{regarding.namespace}/{regarding.name}" if regarding.namespace else regarding.name
    return {"object": f"{regarding.kind} {where}", "reason": series.key.reason}
