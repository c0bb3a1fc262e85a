"""Detect reconcilers that block the event loop: a blocked loop does not serve watches, probes or other objects."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

logger = logging.getLogger("kaiwu_runtime.controller.blocking")

T = TypeVar("T")


class BlockingDetector(Generic[T]):
    """Awaits something and measures each step between two suspensions.

    The warning carries the fields that are bound at the time, so the object's name.

    Args:
        awaitable: What to await.
        limit: Seconds of one step after which there is a warning.
    """

    def __init__(self, awaitable: Awaitable[T], limit: float) -> None:
        self._awaitable = awaitable
        self._limit = limit

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._awaitable.__await__()
        # An awaitable of C code may be a bare iterator, which takes no value.
        send = getattr(steps, "send", None) or (lambda _: next(steps))
        now, limit = time.perf_counter, self._limit
        value: Any = None
        step: Any
        error: BaseException | None = None
        # Neither an error nor the future it came from stays in a variable: the traceback of an exception on its way
        # out holds this frame, and with the exception held by the frame only the garbage collector could free both.
        while True:
            began = now()
            try:
                step = send(value) if error is None else steps.throw(error)
            except StopIteration as end:
                if (blocked := now() - began) > limit:
                    _warn(blocked)
                return end.value  # type: ignore[no-any-return]
            finally:
                error = None
            if (blocked := now() - began) > limit:
                _warn(blocked)
            value = None
            try:
                value = yield step
            except BaseException as raised:  # noqa: BLE001 - cancellation too belongs to the coroutine
                error = raised
            step = None


def _warn(seconds: float) -> None:
    logger.warning(
        "The reconciler blocked the event loop; write it as a plain `def`, or await",
        extra={"seconds": round(seconds, 3)},
    )
