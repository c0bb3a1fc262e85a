"""Detect reconcilers that block the event loop: a blocked loop does not serve watches, probes or other objects."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

logger = logging.getLogger("kaiwu_runtime.controller.blocking")

T = TypeVar("T")


class BlockingDetector(Generic[T]):
    """Awaits something and measures each step between two suspensions.

    The warning carries the fields that are bound at the time, so the object's name.

    Args:
        awaitable: What to await.
        limit: Seconds of one step after which there is a warning.
        on_blocked: Called with the seconds in addition to the warning.
    """

    def __init__(
        self, awaitable: Awaitable[T], limit: float, on_blocked: Callable[[float], None] | None = None
    ) -> None:
        self._awaitable = awaitable
        self._limit = limit
        self._on_blocked = on_blocked

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._awaitable.__await__()
        # An awaitable of C code may be a bare iterator, which takes no value.
        send = getattr(steps, "send", None) or (lambda _: next(steps))
        now, limit = time.perf_counter, self._limit
        resume: Callable[[Any], Any] = send
        value: Any = None
        step: Any
        # Neither an error nor the future it came from stays in a variable: the traceback of an exception on its way
        # out holds this frame, and with the exception held by the frame only the garbage collector could free both.
        while True:
            began = now()
            try:
                step = resume(value)
            except StopIteration as end:
                if (blocked := now() - began) > limit:
                    self._warn(blocked)
                return end.value  # type: ignore[no-any-return]
            finally:
                value = None
            if (blocked := now() - began) > limit:
                self._warn(blocked)
            try:
                value = yield step
                resume = send
            except BaseException as raised:  # noqa: BLE001 - cancellation too belongs to the coroutine
                resume, value = steps.throw, raised
            step = None

    def _warn(self, seconds: float) -> None:
        logger.warning(
            "The reconciler blocked the event loop; await what takes time, or call it with asyncio.to_thread",
            extra={"seconds": round(seconds, 3)},
        )
        if self._on_blocked is not None:
            self._on_blocked(seconds)
