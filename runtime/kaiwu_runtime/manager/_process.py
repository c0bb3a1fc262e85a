"""A manager as a process: its event loop, and the exit status with one line that says why."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from kaiwu_runtime import _fork as fork
from kaiwu_runtime.errors import KaiwuError
from kaiwu_runtime.manager._executor import DaemonExecutor
from kaiwu_runtime.manager._last_resort import exit_with
from kaiwu_runtime.manager._startup import explain

logger = logging.getLogger("kaiwu_runtime.manager.process")

_LEFT_SECONDS = 2.0
"""What tasks that are left at the end get to finish once they are cancelled."""

_MAX_DESCRIPTORS = 1024 * 1024
"""More would be in the way: some programs close every descriptor that a child could have."""


def run_to_the_end(
    main: Callable[[], Coroutine[Any, Any, None]], *, is_reported: Callable[[BaseException], bool] = lambda _: False
) -> int:
    """Run a coroutine function in a new event loop, uvloop's where it is installed.

    A task of a user's code that raises SystemExit ends that task, not the process.

    Args:
        main: What to run.
        is_reported: Tells which failures are in the log already.

    Returns:
        0 when it returned; 1 when it raised, with the reason in the log. Once the main thread has returned, the process
        ends with it after a few seconds, whatever threads there are.
    """
    raise_descriptor_limit()
    status = 0
    try:
        _run(main)
    except BaseException as error:  # noqa: BLE001 - the process ends here, and says why
        if not is_reported(error):
            report(error)
        status = 1
    exit_with(status)
    return status


def report(error: BaseException) -> None:
    """Log what ended a manager: one line for a failure that a user can fix, a stack trace for any other."""
    for failure in _leaves(error):
        if isinstance(failure, KaiwuError):
            logger.error("%s", explain(failure))
        else:
            logger.error("The manager failed", exc_info=failure)


def unwrapped(error: BaseException) -> BaseException:
    """Return the only exception of a group, and of the groups in it; else what was given."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def raise_descriptor_limit() -> None:
    """Let the process open as many files and connections as its hard limit allows, as every Go program does."""
    try:
        import resource  # noqa: PLC0415 - not on every platform
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:  # a sandbox, or macOS with its own maximum
            logger.debug("Cannot raise the limit of open files", extra={"error": str(error)})


def _run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = _new_event_loop()
    stuck = False
    try:
        asyncio.set_event_loop(loop)
        loop.set_default_executor(DaemonExecutor())
        task = loop.create_task(main(), name="manager")
        _complete(loop, task)
        task.result()
    finally:
        stuck = _left_behind(loop, asyncio.all_tasks(loop))
        # As a task too: an asynchronous generator may wait forever in its `finally`.
        closing = loop.create_task(loop.shutdown_asyncgens(), name="asynchronous generators")
        stuck |= _left_behind(loop, {closing}, cancel=False)
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        if not stuck:
            loop.close()


def _complete(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    """Run the loop until a task is done, whatever leaves the loop meanwhile."""
    while not task.done():
        try:
            loop.run_until_complete(asyncio.wait({task}))
        except (SystemExit, KeyboardInterrupt) as error:
            # asyncio lets these two out of any task and callback of the loop, in the middle of everything else.
            fork.leave_child(error)
            if isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                task.cancel()
                continue
            logger.error("A task of the event loop tried to end the process; continuing", exc_info=error)


def _left_behind(loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[Any]], *, cancel: bool = True) -> bool:
    """Wait for tasks, which must not keep the process; tell whether some do not end.

    Args:
        loop: Their event loop, which does not run.
        tasks: The tasks.
        cancel: Cancel them first.
    """
    if not tasks:
        return False
    if cancel:
        for task in tasks:
            task.cancel()
    _complete(loop, loop.create_task(asyncio.wait(tasks, timeout=_LEFT_SECONDS)))  # type: ignore[arg-type]
    stuck = {task for task in tasks if not task.done()}
    if stuck:
        names = ", ".join(sorted(task.get_name() for task in stuck))
        logger.warning("Cancelled tasks do not end; abandoning them", extra={"tasks": names})
    return bool(stuck)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    if sys.platform != "win32":
        try:
            import uvloop  # noqa: PLC0415 - where it is installed
        except ImportError:
            pass
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for member in error.exceptions for leaf in _leaves(member)]
