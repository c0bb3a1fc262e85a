"""Scenes for the tests of the sender, played in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.recorder import EventRecorder, EventSender, EventTimings
from kaiwu_runtime.recorder._series import SeriesMemory

from ..queue.virtual_time import run
from .scripted import EventStore

ABOUT = ConfigMap(metadata=ObjectMeta(name="settings", namespace="a", uid="1"))
LOST = APIConnectionError("reset")


def record(recorder: EventRecorder, reason: str = "BackedUp", times: int = 1) -> None:
    for _ in range(times):
        recorder.event(ABOUT, reason=reason, action="Backup", note="")


def play(
    store: EventStore,
    scene: Callable[[EventRecorder], Awaitable[None]],
    *,
    timings: EventTimings | None = None,
    memory: SeriesMemory | None = None,
) -> None:
    """Run a scene with a sender beside it, which is stopped at the end."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        client = Client(store)
        sender = EventSender(lambda: client, timings=timings, clock=loop.time, memory=memory)
        task = asyncio.create_task(sender.run())
        await asyncio.sleep(0)
        await scene(EventRecorder(sender, "tester"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(main())


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [line for line in caplog.records if line.levelno >= logging.WARNING]
