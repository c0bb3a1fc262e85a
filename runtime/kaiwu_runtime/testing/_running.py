"""Run a manager during a test, and fail the test if the manager fails.

A manager in a separate task fails silently: the test waits for a result that never comes, and fails with a timeout.
`run_manager` raises the reason at startup, and later in the test itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from kaiwu_runtime._missing_rule import missing_rule
from kaiwu_runtime.errors import APIStatusError, ConfigurationError
from kaiwu_runtime.manager._manager import Manager
from kaiwu_runtime.rest._http_transport import HTTPTransport

_T = TypeVar("_T")

_POLL = 0.005


class ManagerRefusedError(ConfigurationError):
    """The API server denied a request of a manager in a test, because no role grants it."""


class _Run:
    """A manager that runs for tests, and why it failed."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.reported = False

    def fail(self, failure: BaseException) -> None:
        """Notify the waiting tests; the first reason counts."""
        if self.failure is None:
            self.failure = failure
            _notify()

    def refused(self, error: APIStatusError) -> None:
        """Take a rejection for a failure when it is one of the RBAC authorizer."""
        if error.code == 403 and (rule := missing_rule(error.message)):
            self.fail(ManagerRefusedError(f"{rule} ({error.message})"))

    def ended(self, task: asyncio.Task[None]) -> None:
        """Take the end of the manager's task for a failure when it raised."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(_single(error))


_runs: list[_Run] = []
_waiters: list[asyncio.Event] = []


def _notify() -> None:
    """Wake the test that waits, the innermost one when there are several."""
    for waiter in _waiters[-1:]:
        waiter.set()


@asynccontextmanager
async def run_manager(manager: Manager, *, allow_forbidden: bool = False) -> AsyncIterator[Manager]:
    """Run a manager, from the moment its caches are synced until the block ends.

    With the pytest plugin of :mod:`kaiwu_runtime.envtest`, a test whose manager fails is stopped at once with the
    reason; without the plugin the reason is raised at the end of the block.

    Args:
        manager: A manager that has not run yet.
        allow_forbidden: Let the test go on when the API server denies a request of the manager because no role grants
            it; by default that fails the test, even if the reconciler catches the error.

    Raises:
        ManagerRefusedError: A role lacks a rule; the message has the ``@rbac`` decorator to add.
        Exception: Another failure of the manager.
    """
    run = _Run()
    task = asyncio.create_task(manager.start(), name="manager")
    try:
        if not allow_forbidden:
            _listen(manager, run)
        while not manager.is_ready and not task.done():
            await asyncio.wait({task}, timeout=_POLL)
        if task.done() and (error := task.exception()) is not None:
            raise _single(error)
        task.add_done_callback(run.ended)
        _runs.append(run)
        if run.failure is not None:  # between the last look at the manager and now
            _notify()
        try:
            yield manager
        except Exception as error:
            _raise(run, error)
            raise
        finally:
            _runs.remove(run)
    finally:
        manager.stop()
        await asyncio.gather(task, return_exceptions=True)
    run.ended(task)
    _raise(run)


async def fail_with_manager(test: Coroutine[Any, Any, _T]) -> _T:
    """Await a test, or cancel it and raise the reason when a manager of `run_manager` fails meanwhile.

    Args:
        test: The test's coroutine.
    """
    woken = asyncio.Event()
    _waiters.append(woken)
    task = asyncio.create_task(test, name="test")
    try:
        while (run := _failed()) is None and not task.done():
            woken.clear()
            waking = asyncio.create_task(woken.wait())
            try:
                await asyncio.wait({task, waking}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
            await asyncio.sleep(0)  # a manager that ended in the same step of the loop has told of it then
        if run is None:
            return await task
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        run.reported = True
        assert run.failure is not None  # noqa: S101 - for mypy: _failed() looks for it
        raise run.failure from (result if isinstance(result, Exception) else None)
    finally:
        _waiters.remove(woken)
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _listen(manager: Manager, run: _Run) -> None:
    try:
        transport = manager.api_reader.transport
    except ConfigurationError:
        return  # the manager raises it at its start
    if isinstance(transport, HTTPTransport):
        transport.on_refusal = run.refused


def _failed() -> _Run | None:
    return next((run for run in _runs if run.failure is not None), None)


def _raise(run: _Run, cause: Exception | None = None) -> None:
    """Raise the reason, once: at the end of the block it has been reported by the test."""
    if run.failure is None or run.reported or run.failure is cause:
        return
    run.reported = True
    raise run.failure from cause


def _single(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
