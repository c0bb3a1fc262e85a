"""The tasks of a manager: the first that fails asks the manager to stop, as a signal does.

Not a TaskGroup, which cancels everything at once when one task fails: work in flight gets its time however the manager
comes to its end. And a task that swallows its cancellation cannot keep the process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from kaiwu_runtime import _callback as callback
from kaiwu_runtime import _fork as fork
from kaiwu_runtime.errors import CallbackError

logger = logging.getLogger("kaiwu_runtime.manager.supervisor")


class Supervisor:
    """Runs tasks, for the task that makes it.

    Args:
        on_failure: Called with what a task raised, as soon as it did.
    """

    def __init__(self, on_failure: Callable[[Exception], None]) -> None:
        self._on_failure = on_failure
        self._owner = asyncio.current_task()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a coroutine as a task.

        Args:
            coroutine: What to run; it may return, and a cancellation that was not requested is a failure.
            name: The task's.
        """
        task = asyncio.create_task(self._watched(coroutine), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def cancel(self, tasks: Iterable[asyncio.Task[None]], seconds: float) -> None:
        """Cancel tasks and wait for their end, but not for ever."""
        ending = [task for task in tasks if not task.done()]
        for task in ending:
            if task not in self._ending:  # a second time would interrupt how it ends
                self._ending.add(task)
                task.cancel()
        if not ending:
            return
        _, stuck = await asyncio.wait(ending, timeout=seconds)
        self._tasks -= stuck
        if stuck:
            names = ", ".join(sorted(task.get_name() for task in stuck))
            logger.warning("Cancelled tasks do not end; abandoning them", extra={"tasks": names})

    async def cancel_all(self, seconds: float) -> None:
        """Cancel every task that is left; see `cancel`."""
        await self.cancel(list(self._tasks), seconds)

    async def _watched(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await callback.wait(coroutine)
            fork.leave_child()
        except Exception as error:  # noqa: BLE001 - the manager says what ended it
            fork.leave_child(error)
            self._on_failure(error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        owner = self._owner
        is_ending = task in self._ending or owner is None or owner.done() or owner.cancelling() > 0
        if task.cancelled() and not is_ending:
            # By the code that it runs: what the manager needs has ended all the same.
            self._on_failure(CallbackError(f"the task {task.get_name()!r} was cancelled, but not by the manager"))
