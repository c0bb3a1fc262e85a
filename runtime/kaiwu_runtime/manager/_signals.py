"""SIGTERM and SIGINT: the first asks the manager to stop, the second ends the process at once.

See https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kaiwu_runtime.manager._last_resort import Deadline

logger = logging.getLogger("kaiwu_runtime.manager.signals")

SIGNALS = (signal.SIGTERM, signal.SIGINT)

_before: dict[signal.Signals, Any] = {}
"""The handlers that a running block has replaced; empty while there is none."""


@contextmanager
def stop_on_signal(
    stop: Callable[[], None],
    deadline: Deadline | None = None,
    *,
    also: Mapping[int, Callable[[], None]] = MappingProxyType({}),
) -> Iterator[None]:
    """Call `stop` for the first signal inside the block; the second ends the process with status 1.

    Args:
        stop: Called in the event loop.
        deadline: Started by the first signal, also while the event loop is blocked, and cancelled by the end of the
            block.
        also: Called for other signals, in a thread, unless the program handles them itself.

    Each signal is received twice, because neither way is enough. Python's handlers run in the main thread, which hears
    of nothing while a reconciler blocks it or the kernel gives the signal to another thread. The descriptor that
    signals are written to, read by a thread here, belongs to the code that set it last, as a handler of the loop does.

    A child that is forked inside the block has the signal handling from before it: neither does its own SIGTERM stop
    the operator, nor is it deaf to it.

    Needs a running event loop. In another thread than the main one there are no signals: the block does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        logger.info("Not in the main thread: signals do not stop the manager, but stop() does")
        yield
        return
    loop = asyncio.get_running_loop()
    inbox, outbox = socket.socketpair()
    outbox.setblocking(False)
    stopping = False

    def announce(name: str) -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            logger.info("Stopping; a second signal ends the process at once", extra={"signal": name})
            stop()

    def receiver() -> Callable[[int], None]:
        received = itertools.count(1)

        def receive(number: int) -> None:
            # Nothing is logged here: the thread that is blocked may hold the log's lock.
            if next(received) > 1:
                os._exit(1)
            if deadline is not None:
                deadline.start()
            with suppress(RuntimeError):  # the loop is closed: it has stopped anyway
                loop.call_soon_threadsafe(announce, signal.Signals(number).name)

        return receive

    def watch() -> None:
        receive = receiver()
        with inbox:
            while numbers := inbox.recv(64):
                for number in numbers:
                    if number in SIGNALS:
                        receive(number)
                    elif number in ours:
                        _call(also[number])

    in_main_thread = receiver()
    ours = {number for number in also if signal.getsignal(number) == signal.SIG_DFL}
    threading.Thread(target=watch, name="signals", daemon=True).start()
    wakeup = signal.set_wakeup_fd(outbox.fileno(), warn_on_full_buffer=False)
    for number in SIGNALS:
        _before[number] = signal.signal(number, lambda number, _: in_main_thread(number))
    for each in ours:
        # Nothing in the main thread: with a handler, the number is written to the descriptor.
        _before[signal.Signals(each)] = signal.signal(each, lambda *_: None)
    try:
        yield
    finally:
        if deadline is not None:
            deadline.cancel()
        _restore()
        if (other := signal.set_wakeup_fd(wakeup)) != outbox.fileno():
            signal.set_wakeup_fd(other)
        outbox.close()


def _call(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception:
        logger.exception("A signal could not be handled")


def _restore() -> None:
    for number, handler in _before.items():
        # None stands for a handler that was not set from Python, which cannot be put back.
        signal.signal(number, handler if handler is not None else signal.SIG_DFL)
    _before.clear()


def _after_fork_in_child() -> None:
    if _before:
        # The descriptor leads to the parent, which would take the child's signals for its own.
        signal.set_wakeup_fd(-1)
        _restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
