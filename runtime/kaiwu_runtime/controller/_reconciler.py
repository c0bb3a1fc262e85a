"""The interface a project implements."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import Any, ClassVar, TypeVar

from kaiwu_runtime.client._client import Client
from kaiwu_runtime.controller._request import Request, Result
from kaiwu_runtime.controller._threaded_client import wait_in_thread

T = TypeVar("T")


class Reconciler(ABC):
    """Move the current state of an object towards the desired state.

    In a module ``*_controller.py``, ``Manager.discover`` finds it.

    Args:
        client: Reads from the cache, writes to the API server.
    """

    module_suffix: ClassVar[str] = "_controller"
    reads_object: ClassVar[bool] = False
    """Whether `reconcile` reads and decodes the object itself, decode failures included."""
    _event_loop: asyncio.AbstractEventLoop | None = None
    """The manager's; None before it runs."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def described(self) -> str:
        """The name of the class, for messages."""
        return type(self).__name__

    @abstractmethod
    def setup_with_manager(self, manager: Any) -> None:  # noqa: ANN401 - the Manager, which is built on this package
        """Build the controller: what it watches, and how it runs; called once, before anything runs.

        Args:
            manager: The :class:`~kaiwu_runtime.Manager` to build it with:
                ``controller_managed_by(manager).for_(Kind).complete(self)``.
        """

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Return the result of a coroutine, in a `def reconcile`: ``pod = self.wait(self.client.get(Pod, "a"))``.

        The coroutine runs in the manager's event loop, while the reconciler's thread waits.

        Args:
            awaitable: What to wait for. `self.client` of a plain `def reconcile` has waited already where it is called
                in that thread; its results are returned as they are.

        Raises:
            RuntimeError: Called in the event loop, as in an ``async def``; use ``await`` there.
            Exception: What the coroutine raised.
        """
        return wait_in_thread(awaitable, self._event_loop)

    @abstractmethod
    def reconcile(self, request: Request) -> Awaitable[Result | None] | Result | None:
        """Look at one object and do what is missing; called again whenever something relevant changed.

        Written as ``async def`` it runs on the event loop and must not block it; written as ``def`` it runs in a
        thread, where the methods of `self.client` return their results and `wait` does the same for any other
        coroutine. It is never called twice at the same time for one object.

        Args:
            request: The object's namespace and name; it may be gone by now.

        Returns:
            When to come back; None means when something changes.

        Raises:
            RetryAfter: Something outside is not ready; retry after a time, without an error.
            TerminalError: Do not retry until the object changes.
            Exception: Retry with back-off.
        """
