"""What awaits a reconciler lets its failures go."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from kaiwu_runtime.controller._blocking import BlockingDetector


class FailureError(Exception):
    pass


def failing() -> asyncio.Future[None]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.call_soon(future.set_exception, FailureError("x"))
    return future


async def fails() -> None:
    """Fail by way of a future, as a request does."""
    try:
        await failing()
    except FailureError as error:
        raise RuntimeError("the request failed") from error


async def failure() -> weakref.ref[BaseException]:
    try:
        await BlockingDetector(fails(), 1.0)
    except RuntimeError as error:
        return weakref.ref(error.__cause__ or error)
    pytest.fail("it did not fail")


async def test_a_failure_is_freed_without_the_garbage_collector() -> None:
    """During an outage there are thousands, each with the frames and so the objects of its reconcile."""
    gc.disable()
    try:
        reference = await failure()
        await asyncio.sleep(0)  # the event loop itself holds the future as long as it runs what the future woke
        assert reference() is None
    finally:
        gc.enable()
