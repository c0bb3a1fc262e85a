"""Take a step of a scenario while the operator lives, as a step may wait for what the operator does."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.testing.faults._outcome import RunFailed

Act = Callable[[], Awaitable[None]]


async def take(
    step: Callable[[], Awaitable[object]],
    name: str,
    *,
    keep_alive: Act,
    every: float,
    limit: float,
    resume: Act | None = None,
    down_seconds: float = 0.0,
) -> None:
    """Return when a step has ended.

    Args:
        step: The step.
        name: Its name, for people.
        keep_alive: Starts the operator anew when it was killed.
        every: Seconds between two calls of `keep_alive`.
        limit: Seconds that it may take.
        resume: Starts the operator that is down; None if it is not.
        down_seconds: How long it stays down at most.

    Raises:
        RunFailed: The step failed, takes too long, or the operator cannot be started.
    """
    now = asyncio.get_running_loop().time
    deadline = now() + limit
    task = asyncio.ensure_future(_taken(step, name))
    try:
        if resume is not None:
            await asyncio.wait({task}, timeout=down_seconds)
            await resume()
        while not task.done():
            await asyncio.wait({task}, timeout=every)
            if not task.done():
                await keep_alive()
                if now() > deadline:
                    raise RunFailed(f"step {name}: does not end within {limit:g} s")
        await task
    finally:
        task.cancel()


async def awaited(method: Callable[..., Awaitable[object]], *arguments: object) -> object:
    """Return what a method of a scenario returns.

    Args:
        method: The method.
        arguments: What it is called with.

    Raises:
        TypeError: It is not a coroutine.
    """
    found = method(*arguments)
    if not inspect.isawaitable(found):
        raise TypeError("not a coroutine: define it with `async def`, without `yield`")
    return await found


async def _taken(step: Callable[[], Awaitable[object]], name: str) -> None:
    """Take a step; what it raises is said with its name, also what would end this process, such as sys.exit()."""
    try:
        await awaited(step)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise RunFailed(f"step {name}: {describe(error)}") from error
    except (Exception, SystemExit) as error:
        raise RunFailed(f"step {name}: {describe(error)}") from error


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
