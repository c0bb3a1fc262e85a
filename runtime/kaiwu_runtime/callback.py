"""Calling code that a user wrote: predicates, map functions, indexes, transforms, checks, webhooks, validators.

An asyncio program gives some exceptions a meaning of its own: SystemExit and KeyboardInterrupt leave the event loop at
once, CancelledError and GeneratorExit end the task they arrive in, without a word. Raised by a callback they would end
the operator, or the watch that happened to call it. So every callback runs in one of the ways below: whatever it
raises is an ``Exception`` to the caller, who decides what one failure costs.

See https://docs.python.org/3/library/exceptions.html#BaseException
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from kaiwu_runtime import fork

P = ParamSpec("P")
R = TypeVar("R")


class CallbackError(Exception):
    """A callback raised an exception that ends tasks or processes; the cause says which."""


def contained(error: BaseException) -> Exception:
    """Return what a callback raised as an exception that ends neither the task nor the process.

    Args:
        error: What the callback raised; an ``Exception`` is returned as it is.
    """
    if isinstance(error, Exception):
        return error
    fork.leave_child(error)
    text = one_line(error)
    wrapped = CallbackError(f"{type(error).__name__}: {text}" if text else type(error).__name__)
    wrapped.__cause__ = error
    return wrapped


def is_delivered(error: BaseException) -> bool:
    """Tell whether asyncio raised an exception in the present task from outside, and no callback did.

    A task that is being cancelled, and a coroutine that is closed, must end. A callback that awaits a cancelled future,
    on the other hand, has failed like any other.
    """
    if isinstance(error, asyncio.CancelledError):
        task = _current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, GeneratorExit) and _current_task() is None


def call(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a plain function of a user.

    Raises:
        Exception: Whatever the function raised; :class:`CallbackError` in the place of what is no ``Exception``.
    """
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        failure = contained(error)
        if failure is error:
            raise
        raise failure from error


async def wait(awaitable: Awaitable[R]) -> R:
    """Await what a user's function returned.

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
    except RuntimeError:  # no event loop: the interpreter closes what is left
        return None


def one_line(error: BaseException) -> str:
    """Return the text of an exception in one line; empty when its class cannot give one."""
    try:
        return " ".join(str(error).split())
    except BaseException:  # noqa: BLE001 - an exception class of the user's
        return ""
