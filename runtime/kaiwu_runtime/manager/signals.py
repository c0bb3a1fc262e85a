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

    def on_signal(number: int) -> None:
        nonlocal received
        received += 1
        name = signal.Signals(number).name
        if received > 1:
            logger.warning("Ending at once", extra={"signal": name})
            os._exit(1)
        logger.info("Stopping; a second signal ends the process at once", extra={"signal": name})
        stop()

    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
