"""What threads give to the event loop does not wait for a pause between two polls."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from kaiwu_runtime.controller._threaded_client import wait_in_thread
from kaiwu_runtime.controller._threads import WorkerThreads
from kaiwu_runtime.rest import _answer_polling as polling


async def test_a_call_into_the_event_loop_ends_a_pause() -> None:
    polling._called_in.clear()
    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(wait_in_thread, asyncio.sleep(0, "done"), loop) == "done"
    assert polling._called_in.is_set()


async def test_the_end_of_a_function_ends_a_pause() -> None:
    polling._called_in.clear()
    outcome = await WorkerThreads("test", idle=0.05).submit(lambda: "done")
    assert outcome.get() == "done"
    assert polling._called_in.is_set()


async def test_a_call_after_the_event_loop_has_ended_says_so() -> None:
    """In a thread that goes on after its manager; its coroutine is closed, or Python would warn."""
    closed = asyncio.new_event_loop()
    closed.close()
    coroutine = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="closed"):
        await asyncio.to_thread(wait_in_thread, coroutine, closed)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
