"""Cancel an operation after a number of steps of the event loop, and check that nothing of it is left."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

SECONDS = 2.0
"""How long tasks, threads and the other side of a connection get to end."""


async def steps(count: int) -> None:
    """Let the event loop make some steps."""
    for _ in range(count):
        await asyncio.sleep(0)


async def cancelled_after(count: int, operation: Coroutine[Any, Any, Any]) -> None:
    """Start an operation, cancel it after some steps, and wait for its end; what it raises is raised."""
    task = asyncio.create_task(operation)
    # Once at least: a coroutine that never began is a task's own matter.
    await steps(count + 1)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("kaiwu_runtime", "asyncio")):  # and not a server of the test
            self.messages.append(self.format(record))


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Fail if the block leaves a task, a thread or a file, or asyncio or the runtime reports an error."""
    loop = asyncio.get_running_loop()
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    before = asyncio.all_tasks(), _threads(), _files()
    try:
        yield
        end = loop.time() + SECONDS
        while (left := _left(*before)) and loop.time() < end:  # noqa: ASYNC110 - the state of the process
            await asyncio.sleep(0.005)
        assert not left, left
        gc.collect()  # a task that is pending and unreachable, an exception that was not retrieved
        assert not reported, reported
        assert not errors.messages, errors.messages
    finally:
        logging.getLogger().removeHandler(errors)
        loop.set_exception_handler(None)


def _left(tasks: set[asyncio.Task[Any]], threads: set[str], files: int) -> list[str]:
    left = [f"task {task.get_name()}" for task in asyncio.all_tasks() - tasks]
    left += [f"thread {name}" for name in _threads() - threads]
    if _files() > files:
        left.append(f"{_files() - files} open files")
    return left


def _threads() -> set[str]:
    """Return the names of the threads that are not of a pool, which keeps some."""
    return {thread.name for thread in threading.enumerate() if not thread.name.startswith(("asyncio_", "Thread-"))}


def _files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
