"""The sender in virtual time: pauses, what is bounded, and what a stop still writes."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise
from typing import Any

import pytest

from kaiwu_runtime.client._client import Client
from kaiwu_runtime.recorder import EventRecorder, EventSender, EventTimings
from kaiwu_runtime.recorder._series import SeriesMemory

from .scenes import LOST, play, record, warnings
from .scripted import EventStore


def test_a_series_is_written_once_a_minute_and_ends_after_six() -> None:
    store = EventStore()

    async def scene(recorder: EventRecorder) -> None:
        for _ in range(200):  # for 200 s
            record(recorder)
            await asyncio.sleep(1)
        await asyncio.sleep(361)
        record(recorder)
        await asyncio.sleep(1)
        assert len(store.events) == 2

    play(store, scene)
    assert [(verb, count) for _, verb, count in store.sent[:2]] == [("POST", 1), ("PATCH", 2)]
    refreshed = [moment for moment, _, count in store.sent if count > 2]
    assert len(refreshed) == 4
    assert all(60 <= later - earlier <= 70 for earlier, later in pairwise(refreshed))
    assert [event.get("series", {}).get("count", 1) for event in store.events.values()] == [200, 1]


def test_the_last_count_is_written_when_the_series_ends() -> None:
    store = EventStore()

    async def scene(recorder: EventRecorder) -> None:
        record(recorder, times=2)
        await asyncio.sleep(0.1)
        record(recorder, times=3)
        await asyncio.sleep(370)
        assert store.counts == {"BackedUp": 5}

    play(store, scene, timings=EventTimings(refresh=10_000))


def test_events_that_repeat_before_they_are_written_are_one_request() -> None:
    store = EventStore()

    async def scene(recorder: EventRecorder) -> None:
        record(recorder, times=9)
        await asyncio.sleep(1)

    play(store, scene)
    assert [(verb, count) for _, verb, count in store.sent] == [("POST", 9)]


def test_the_queue_is_bounded_and_says_what_it_dropped(caplog: pytest.LogCaptureFixture) -> None:
    store = EventStore()
    store.failures = [LOST] * 7

    async def scene(recorder: EventRecorder) -> None:
        for number in range(1500):
            record(recorder, f"Reason{number}")
        await asyncio.sleep(200)

    play(store, scene)
    assert list(store.counts)[-1] == "Reason6"  # tried first, and put back behind the others
    assert set(store.counts) == {f"Reason{number}" for number in range(1000)}
    assert [line.__dict__["dropped"] for line in warnings(caplog) if "Dropped events" in line.message] == [500]


def test_repetitions_are_counted_while_the_queue_is_full() -> None:
    store = EventStore()
    store.failures = [LOST] * 4

    async def scene(recorder: EventRecorder) -> None:
        record(recorder, "Kept")
        await asyncio.sleep(0.1)
        for number in range(3):
            record(recorder, f"Reason{number}")
        record(recorder, "Kept", times=50)
        await asyncio.sleep(100)
        assert store.counts["Kept"] == 51

    play(store, scene, memory=SeriesMemory(most_waiting=2))


def test_the_series_that_was_not_repeated_longest_is_forgotten() -> None:
    store = EventStore()
    memory = SeriesMemory(most_remembered=2)

    async def scene(recorder: EventRecorder) -> None:
        for reason in ("A", "B", "A", "C", "A", "B"):
            record(recorder, reason)
            await asyncio.sleep(1)
        assert len(memory) == 2
        assert sorted(event["reason"] for event in store.events.values()) == ["A", "B", "B", "C"]

    play(store, scene, memory=memory)
    assert store.counts["A"] == 3


def test_a_series_that_is_forgotten_or_succeeded_is_written_to_its_last_count() -> None:
    store = EventStore()

    async def scene(recorder: EventRecorder) -> None:
        record(recorder, "A", times=2)
        await asyncio.sleep(1)
        record(recorder, "A", times=3)
        record(recorder, "B")
        record(recorder, "C", times=2)  # A has no room any more
        await asyncio.sleep(1)
        assert store.counts == {"A": 5, "B": 1, "C": 2}
        record(recorder, "C", times=3)
        await asyncio.sleep(400)
        record(recorder, "C")  # ended without a sweep
        await asyncio.sleep(1)
        assert [event["series"]["count"] for event in store.events.values() if "series" in event] == [5, 5]
        assert [event["reason"] for event in store.events.values()] == ["A", "B", "C", "C"]

    play(store, scene, timings=EventTimings(sweep=10_000), memory=SeriesMemory(most_remembered=2))


def test_a_series_that_ended_is_not_remembered() -> None:
    memory = SeriesMemory()

    async def scene(recorder: EventRecorder) -> None:
        record(recorder, times=2)
        await asyncio.sleep(370)
        assert len(memory) == 0

    play(EventStore(), scene, memory=memory)


def test_a_stop_waits_for_a_slow_server_no_longer_than_it_may(caplog: pytest.LogCaptureFixture) -> None:
    store = EventStore()
    store.delay = 0.9
    ended = []

    async def scene(recorder: EventRecorder) -> None:
        for number in range(10):
            record(recorder, f"Reason{number}")
        ended.append(asyncio.get_running_loop().time())

    play(store, scene)
    assert list(store.counts) == ["Reason0", "Reason1"]
    (line,) = warnings(caplog)
    assert (line.message, line.__dict__["events"]) == ("Stopped with events that are not written", 8)


def test_a_stop_does_not_try_again(caplog: pytest.LogCaptureFixture) -> None:
    store = EventStore()
    store.failures = [LOST] * 100

    async def scene(recorder: EventRecorder) -> None:
        record(recorder)

    play(store, scene)
    assert len(store.sent) == 1
    assert "Stopped with events that are not written" in [line.message for line in warnings(caplog)]


def test_a_mistake_in_the_sender_costs_an_event_and_not_the_manager(caplog: pytest.LogCaptureFixture) -> None:
    store = EventStore()
    store.failures = [ZeroDivisionError("a mistake")]

    async def scene(recorder: EventRecorder) -> None:
        record(recorder, "First")
        record(recorder, "Second")
        await asyncio.sleep(1)

    play(store, scene)
    assert store.counts == {"Second": 1}
    assert [line.message for line in warnings(caplog)] == ["Dropped an event"]


async def test_events_come_from_any_thread_and_before_the_start() -> None:
    store = EventStore()
    client = Client(store)
    sender = EventSender(lambda: client)
    recorder = EventRecorder(sender, "tester")
    record(recorder, "Early")
    task = asyncio.create_task(sender.run())
    await asyncio.sleep(0.01)
    threads = [threading.Thread(target=record, args=(recorder, "Threaded", 500)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert store.counts == {"Early": 1, "Threaded": 4000}
    record(recorder, "Late")  # not written, and without an error


def test_recording_after_the_loop_is_closed_raises_nothing() -> None:
    kept: list[Any] = []

    async def scene(recorder: EventRecorder) -> None:
        kept.append(recorder)

    play(EventStore(), scene)
    record(kept[0])


@pytest.mark.parametrize(
    ("timings", "message"),
    [
        ({"sweep": 0}, "sweep=0: use more than 0 seconds"),
        ({"end": -1}, "end=-1: use more than 0 seconds"),
        ({"refresh": float("nan")}, "refresh=nan: use more than 0 seconds"),
        ({"back_off": -0.1}, "back_off=-0.1: use 0 or more seconds"),
    ],
)
def test_times_without_a_pause_are_refused(timings: dict[str, float], message: str) -> None:
    """With a sweep of 0 the sender would take a whole core."""
    with pytest.raises(ValueError, match=message):
        EventTimings(**timings)
