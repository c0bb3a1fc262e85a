"""What a channel keeps: nothing of a manager that has ended, or that was dropped without having run."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.controller import Channel
from kaiwu_runtime.testing import FakeTransport

from ..manager.in_memory import running, until


class Event:
    """An event that a test can look for in memory."""


class Watching(Reconciler):
    """Hears every event of a channel."""

    def __init__(self, channel: Channel[Event]) -> None:
        super().__init__(Client(FakeTransport()))
        self.heard: list[weakref.ref[Event]] = []
        options = ManagerOptions(health_probe_bind_address="0", grace_period=1.0)
        self.manager = Manager(options, client=self.client)
        builder = controller_managed_by(self.manager).named("watching").watches_channel(channel, self._hear)
        builder.complete(self)

    def setup_with_manager(self, manager: Manager) -> None:
        raise AssertionError("not called here")

    async def reconcile(self, _: Request) -> Result | None:
        return None

    def _hear(self, event: Event) -> list[Request]:
        self.heard.append(weakref.ref(event))
        return []

    async def run(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        async with running(self.manager):
            await until(lambda: self.manager.is_ready)
            await asyncio.sleep(0.01)
            meanwhile()
            await asyncio.sleep(0.01)


def nothing(_: Channel[Event]) -> None:
    pass


def never_run(channel: Channel[Event]) -> None:
    Watching(channel)


def ended(channel: Channel[Event]) -> None:
    asyncio.run(Watching(channel).run())


def interrupted(channel: Channel[Event]) -> None:
    """Its event loop was closed before it could stop anything."""
    loop = asyncio.new_event_loop()

    async def listen() -> None:
        channel.listen(lambda _: None)

    loop.run_until_complete(listen())
    loop.close()


BEFORE = pytest.mark.parametrize("before", [nothing, never_run, ended, interrupted])


@BEFORE
def test_channel_forgets_managers_that_are_gone(before: Callable[[Channel[Event]], None]) -> None:
    channel: Channel[Event] = Channel(max_pending=2)
    for _ in range(5):
        before(channel)
    gc.collect()
    events = [Event() for _ in range(4)]
    for event in events:
        channel.send(event)
    kept = [weakref.ref(event) for event in events]
    assert channel._subscriptions == []
    del event, events
    gc.collect()
    assert [reference() is not None for reference in kept] == [False, False, True, True], "the last ones wait"


@BEFORE
def test_next_manager_hears_what_was_sent_to_none(before: Callable[[Channel[Event]], None]) -> None:
    channel: Channel[Event] = Channel()
    before(channel)
    gc.collect()
    first, second = Event(), Event()
    channel.send(first)
    watching = Watching(channel)
    asyncio.run(watching.run(lambda: channel.send(second)))
    assert [reference() for reference in watching.heard] == [first, second]


def test_manager_that_is_kept_hears_everything_once_it_runs() -> None:
    """While another one is dropped, and one runs and ends."""
    channel: Channel[Event] = Channel()
    kept, first, second = Watching(channel), Event(), Event()
    never_run(channel)
    channel.send(first)
    gc.collect()
    asyncio.run(Watching(channel).run(lambda: channel.send(second)))
    asyncio.run(kept.run())
    assert [reference() for reference in kept.heard] == [first, second]


def test_listener_without_a_controller_is_kept() -> None:
    channel: Channel[int] = Channel()
    heard: list[int] = []

    async def listen() -> None:
        channel.listen(heard.append)
        gc.collect()
        channel.send(1)
        await asyncio.sleep(0)

    asyncio.run(listen())
    assert heard == [1]
