"""Take a step of a scenario while the operator lives, as a step may wait for what the operator does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.testing.faults._outcome import RunFailed

Act = Callable[[], Awaitable[None]]


async def take(
    step: Awaitable[object],
    name: str,
    *,
    keep_alive: Act,
    every: float,
    resume: Act | None = None,
    down_seconds: float = 0.0,
) -> None:
    """Return when a step has ended.

    Args:
        step: The step.
        name: Its name, for people.
        keep_alive: Starts the operator anew when it was killed.
        every: Seconds between two calls of `keep_alive`.
        resume: Starts the operator that is down; None if it is not.
        down_seconds: How long it stays down at most.

    Raises:
        RunFailed: The step failed, or the operator cannot be started.
    """
    task = asyncio.ensure_future(step)
    try:
        if resume is not None:
            await asyncio.wait({task}, timeout=down_seconds)
            await resume()
        while not task.done():
            await asyncio.wait({task}, timeout=every)
            if not task.done():
                await keep_alive()
        await task
    except RunFailed:
        raise
    except Exception as error:
        raise RunFailed(f"step {name}: {describe(error)}") from error
    finally:
        task.cancel()


def check_player(task: asyncio.Task[None] | None) -> None:
    """Look whether what plays the cluster still does.

    Args:
        task: It; None where nothing plays it.

    Raises:
        RunFailed: It has ended.
    """
    if task is not None and task.done() and not task.cancelled():
        error = task.exception()
        raise RunFailed(str(error) if error is not None else "the simulator has ended")
