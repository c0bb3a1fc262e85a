"""Call code that a user wrote: predicates, map functions, indexes, transforms, checks, webhooks, validators.

Some exceptions have a special meaning in asyncio: SystemExit and KeyboardInterrupt leave the event loop at once,
CancelledError and GeneratorExit silently end the task that they reach. Raised by a callback they would end the
operator, or the watch that called it. So every callback is called by one of the functions below, which convert
whatever it raises to an ``Exception``; the caller decides how to handle it.

See https://docs.python.org/3/library/exceptions.html#BaseException
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import ParamSpec, TypeVar

from kaiwu_runtime import _fork as fork
from kaiwu_runtime._error_text import one_line
from kaiwu_runtime.errors import CallbackError

MOST_FRAMES = 100
"""Maximum number of frames that an exception keeps after it was handled: its owner may still look at them."""

P = ParamSpec("P")
R = TypeVar("R")


def contained(error: BaseException) -> Exception:
    """Convert what a callback raised to an exception that does not end the task or the process.

    Args:
        error: What the callback raised; an ``Exception`` is returned unchanged.
    """
    if isinstance(error, Exception):
        return error
    fork.leave_child(error)
    text = one_line(error)
    wrapped = CallbackError(f"{type(error).__name__}: {text}" if text else type(error).__name__)
    wrapped.__cause__ = error
    return wrapped


def forget_stack(error: BaseException) -> None:
    """Drop the stack of an exception that is handled and logged if it has become long, and those of its causes.

    Python adds to the stack of an exception each time that it is raised. A constant of a project's, or the exception of
    a future that is awaited again and again, would keep the frames of all times, with everything in their variables.
    """
    pending, seen = [error], set[int]()  # causes may be a cycle
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if _is_longer(current.__traceback__, MOST_FRAMES):
            current.with_traceback(None)  # unlike an assignment, also where the class is a frozen one
        pending += [each for each in (current.__cause__, current.__context__) if each is not None]
        if isinstance(current, BaseExceptionGroup):
            pending += current.exceptions


def _is_longer(stack: TracebackType | None, limit: int) -> bool:
    for _ in range(limit):
        if stack is None:
            return False
        stack = stack.tb_next
    return stack is not None


def is_delivered(error: BaseException) -> bool:
    """Return whether asyncio, and not a callback, raised an exception in the current task.

    A task that is being cancelled, and a coroutine that is closed, must end. In contrast, a callback that awaits a
    cancelled future has failed like any other. A callback that cancels the task it runs in cannot be told from the
    task's owner here; the owner can: see `take_back_cancellation`.
    """
    if isinstance(error, asyncio.CancelledError):
        task = _current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, GeneratorExit) and _current_task() is None


async def take_back_cancellation() -> None:
    """Undo every cancellation of the current task; called by its owner, which has not asked for one.

    Before Python 3.13 a TaskGroup that fails leaves the task marked as being cancelled, and each later time limit in
    it would end it. What has been requested but not raised yet is raised and ignored here.
    """
    task = _current_task()
    if task is None or not task.cancelling():
        return
    while task.uncancel():
        pass
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(0)


def call(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a plain function of a user.

    Raises:
        Exception: What the function raised; :class:`CallbackError` for exceptions that are not an ``Exception``.
    """
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        failure = contained(error)
        if failure is error:
            raise
        raise failure from error


async def wait(awaitable: Awaitable[R]) -> R:
    """Await the result of a user's function.

    Raises:
        Exception: See `call`.
        asyncio.CancelledError: The calling task is being cancelled.
    """
    try:
        return await awaitable
    except BaseException as error:
        if is_delivered(error):
            raise
        failure = contained(error)
        if failure is error:
            raise
        raise failure from error


def _current_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop: the interpreter is closing coroutines at exit
        return None
