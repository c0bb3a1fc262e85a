"""Work that a cancellation must not leave half done, for example what a process takes back from the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await some work, which takes a limited time; a cancellation of the caller is raised once it has ended.

    Args:
        work: What to await; what it raises is raised.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # retrieved: the caller is told of the cancellation
        raise cancelled
    return task.result()
