"""A test beside a manager that is cancelled at any step of the event loop, by a time limit for example."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kaiwu_runtime.testing import eventually, run_manager
from kaiwu_runtime.testing._running import fail_with_manager

from ..cancelling import cancelled_after, nothing_left
from .test_running import Watching, forever, manager_of

STEPS = 60
"""More steps than a manager takes to start and to stop on a cluster in memory."""


async def with_manager() -> None:
    async with run_manager(manager_of(Watching)):
        await asyncio.sleep(0)


async def beside_manager() -> None:
    async with run_manager(manager_of(Watching)):
        await forever()


async def waiting() -> None:
    await eventually(lambda: False)


@pytest.mark.parametrize("test", [forever, waiting, with_manager, beside_manager], ids=lambda test: test.__name__)
async def test_a_test_that_is_cancelled_leaves_nothing(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async with nothing_left():
        for count in range(STEPS):
            await cancelled_after(count, fail_with_manager(test()))
