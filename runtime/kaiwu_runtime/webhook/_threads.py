"""A bounded number of threads for webhooks that are written as plain functions.

A function that hangs cannot be ended, so requests that arrive while all threads are busy wait for one, and are rejected
with 503 before the API server gives up on them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from kaiwu_runtime._slots import Slots
from kaiwu_runtime.controller._threads import WorkerThreads
from kaiwu_runtime.errors import KaiwuError

logger = logging.getLogger("kaiwu_runtime.webhook.threads")

P = ParamSpec("P")
R = TypeVar("R")

MAX_THREADS = 64
IDLE_SECONDS = 5.0

DEADLINE: ContextVar[float | None] = ContextVar("kaiwu_webhook_deadline", default=None)
"""When the caller of the present request stops waiting, in the event loop's time; None: not known."""

_WAIT_SECONDS = 10.0
_WAIT_SHARE = 0.8
"""How much of the time that is left a request waits for a thread; the rest is for its work."""


class ThreadsBusyError(KaiwuError):
    """Every thread was busy for as long as the request could wait."""


class BoundedThreads:
    """Threads that are started when they are needed, up to a number, and end when they are idle.

    Args:
        name: Beginning of their names.
        limit: Maximum number of threads.
    """

    def __init__(self, name: str, limit: int = MAX_THREADS) -> None:
        self._limit = limit
        # A slot is free when its function has returned, not when the request is over.
        self._threads = WorkerThreads(name, idle=IDLE_SECONDS, on_settled=self._release)
        self._slots = Slots(limit)
        self._full = False

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what a function returns in a thread, with the caller's context variables.

        Raises:
            ThreadsBusyError: No thread became free in time.
        """
        if not self._slots.take():
            await self._wait()
        try:
            outcome = self._threads.submit(function, *args, **kwargs)
        except BaseException:
            self._release()  # no thread could be started
            raise
        return (await outcome).get()

    async def _wait(self) -> None:
        """Wait for the slot of a function that returns."""
        deadline, now = DEADLINE.get(), asyncio.get_running_loop().time()
        seconds = _WAIT_SECONDS if deadline is None else (deadline - now) * _WAIT_SHARE
        try:
            async with asyncio.timeout(seconds):
                await self._slots.wait()
        except TimeoutError:
            if not self._full:
                self._full = True
                logger.warning("All threads of the webhooks are busy", extra={"threads": self._limit})
            raise ThreadsBusyError(f"all {self._limit} threads of the webhooks are busy; try again later") from None

    def _release(self) -> None:
        """Pass a slot on to the request that waits longest."""
        self._slots.release()
        if self._slots.free:
            self._full = False
