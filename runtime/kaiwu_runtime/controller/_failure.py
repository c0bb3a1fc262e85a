"""Classify the exceptions of a reconcile, also inside causes and groups.

Python wraps exceptions in two ways: ``raise ... from cause`` and groups, as a TaskGroup raises them. Go's ``errors.Is``
looks through both, so a TerminalError stays one in them.

See https://docs.python.org/3/library/exceptions.html#exception-groups
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from kaiwu_runtime._missing_rule import missing_rule
from kaiwu_runtime.errors import (
    APIConnectionError,
    APIStatusError,
    CallbackError,
    ConflictError,
    DecodeError,
    RetryAfter,
    ServerError,
    TerminalError,
    TooManyRequestsError,
)

E = TypeVar("E", bound=BaseException)

OUTAGES = (APIConnectionError, ServerError, TooManyRequestsError)
"""Failures of the server: a stack for each of a thousand objects would say nothing about the reconciler."""

_TERMINATING = "while custom resource definition is terminating"
"""How the API server ends the message of a create that comes while the CRD is deleted: it gives no cause."""

_MEANINGS = (TerminalError, RetryAfter, ConflictError, DecodeError, *OUTAGES)

_PANICS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    LookupError,
    MemoryError,
    NameError,
    NotImplementedError,
    RecursionError,
    SyntaxError,
    SystemError,
    TypeError,
)
"""What the interpreter raises for a mistake in the code, as Go's runtime panics for one. Classes of a project's own and
of libraries that inherit from these are not among them: they were raised on purpose."""

_DEPTH = 16
"""Maximum depth of causes and groups; more indicates a cycle or an artificial exception."""


def find(error: BaseException, kind: type[E]) -> list[E]:
    """Return the exceptions of a kind in an exception: itself, its causes, and those of each member of a group."""
    return [found for found in _walk(error) if isinstance(found, kind)]


def meaning(error: BaseException) -> BaseException:
    """Return the exception that decides what happens next.

    Of an exception with causes that is the first that the runtime treats in a way of its own: TerminalError,
    ConflictError, DecodeError and failures of the server. A group is terminal, a conflict or an outage when every
    member is: a member that has to be retried makes the whole retried. What has no such meaning decides by itself.
    """
    return _meaning(error, _DEPTH)


def _meaning(error: BaseException, depth: int) -> BaseException:
    current: BaseException | None = error
    for _ in range(depth):
        if current is None:
            break
        if isinstance(current, _MEANINGS):
            return current
        if isinstance(current, BaseExceptionGroup):
            decided = [_meaning(member, depth - 1) for member in current.exceptions]
            for kinds in (TerminalError, RetryAfter, ConflictError, OUTAGES):
                if all(isinstance(member, kinds) for member in decided):
                    return _loudest(decided)
            return error
        current = current.__cause__
    return error


def _loudest(errors: list[BaseException]) -> BaseException:
    """Return the one that says most: the longest wait, a conflict about a field's owner before one about a version."""
    waits = [error for error in errors if isinstance(error, RetryAfter)]
    if waits:
        return max(waits, key=lambda wait: wait.seconds)
    return next((error for error in errors if isinstance(error, ConflictError) and error.is_ownership), errors[0])


def is_from_server(error: BaseException) -> bool:
    """Return whether a failure is about the state of the cluster, so that a stack would say nothing more.

    That is an outage, or a kind or a namespace that is deleted meanwhile: it refuses new objects, and is then unknown.
    So is a missing permission whose rule the error names: that rule is all there is to mend.
    """
    if isinstance(error, OUTAGES):
        return True
    if not isinstance(error, APIStatusError):
        return False
    unknown_kind = error.code == 404 and not error.reason  # a missing object has the reason NotFound
    if unknown_kind or error.has_cause("NamespaceTerminating") or error.message.endswith(_TERMINATING):
        return True
    return error.code == 403 and bool(missing_rule(error.message))


def is_panic(error: BaseException) -> bool:
    """Return whether an exception indicates a programming error, which alerts on panics should report.

    A failure that the code raises on purpose, in whatever class, is an error. One that ends processes or tasks
    (SystemExit, a CancelledError without a cancellation) is a panic, and so is one in a group.
    """
    if isinstance(error, BaseExceptionGroup):
        return any(is_panic(member) for member in error.exceptions)
    if isinstance(error, CallbackError) or not isinstance(error, Exception):
        return True
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration | StopAsyncIteration):
        return True  # how Python reports the StopIteration that left a coroutine
    return isinstance(error, _PANICS) and type(error).__module__ == "builtins"


def fingerprint(error: BaseException) -> int:
    """Return a value that is equal for exceptions raised at the same place in the same way, whatever their text."""
    return hash(tuple((type(entry), *_frames(entry)) for entry in _walk(error)))


def _frames(error: BaseException) -> Iterator[tuple[int, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield id(trace.tb_frame.f_code), trace.tb_lineno
        trace = trace.tb_next


def _walk(error: BaseException, depth: int = _DEPTH) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(depth):
        if current is None:
            return
        yield current
        if isinstance(current, BaseExceptionGroup):
            for member in current.exceptions:
                yield from _walk(member, depth - 1)
        current = current.__cause__
