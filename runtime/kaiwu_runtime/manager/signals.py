"""SIGTERM and SIGINT: the first asks the manager to stop, the second ends the process at once.

See https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` for the first signal inside the block; the second ends the process with status 1.

    Needs a running event loop in the main thread.
    """
    loop = asyncio.get_running_loop()
    received = 0

    def announce(name: str) -> None:
        logger.info("Stopping; a second signal ends the process at once", extra={"signal": name})
        stop()

    # Not the loop's own handlers: those wait for the loop, and the second signal is for a loop that is blocked.
    # For the same reason nothing is logged here but in the loop.
    def on_signal(number: int, _: object) -> None:
        nonlocal received
        received += 1
        if received > 1:
            os._exit(1)
        loop.call_soon_threadsafe(announce, signal.Signals(number).name)

    before = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None stands for a handler that was not set from Python, which cannot be put back.
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
