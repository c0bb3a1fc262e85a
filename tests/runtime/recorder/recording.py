"""A recorder of events with a sender that runs, and what the API server has of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from lightkube.resources.events_v1 import Event

from kaiwu_runtime import Client
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.recorder import EventRecorder, EventSender, EventTimings

QUICK = EventTimings(sweep=0.05, back_off=0.05, max_back_off=0.2)


BACKUP: dict[str, Any] = {"reason": "BackedUp", "action": "Backup", "note": "3 files"}


@resource(group="events.example.com", version="v1")
class Vault(CustomResource):
    pass


@asynccontextmanager
async def recording(
    kubeconfig: Path, timings: EventTimings = QUICK, name: str = "vault-controller", **rest: Any
) -> AsyncIterator[EventRecorder]:
    """A recorder whose sender runs, and is stopped as a manager stops it."""
    async with Client.connect(kubeconfig) as client:
        sender = EventSender(lambda: client, timings=timings, **rest)
        task = asyncio.create_task(sender.run())
        await asyncio.sleep(0)  # a task that is cancelled before it began does nothing
        try:
            yield EventRecorder(sender, name)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def config_map(client: Client, namespace: str, name: str = "settings") -> ConfigMap:
    return await client.create(ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace)))


async def events(client: Client, namespace: str, reason: str = "") -> list[Event]:
    # In default there are events of others, some without a time.
    found = await client.list(Event, namespace=namespace, field_selector=f"reason={reason}" if reason else "")
    return sorted(found, key=lambda event: event.eventTime)


async def eventually(client: Client, namespace: str, condition: Callable[[list[Event]], bool]) -> list[Event]:
    """Return the namespace's events once they are as expected."""
    found: list[Event] = []
    try:
        async with asyncio.timeout(10):
            while not condition(found := await events(client, namespace)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"not within 10 s; there is {[(event.reason, event.series) for event in found]}")
    return found


def count(event: Event) -> int:
    return event.series.count if event.series is not None else 1


def counts(*wanted: int) -> Callable[[list[Event]], bool]:
    return lambda found: [count(event) for event in found] == list(wanted)


def meta(obj: Any) -> ObjectMeta:
    assert isinstance(obj.metadata, ObjectMeta)
    return obj.metadata
