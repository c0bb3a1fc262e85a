"""The interface a project implements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable

from kaiwu_runtime.component import Component
from kaiwu_runtime.controller.request import Request, Result


class Reconciler(Component):
    """Moves the present state of an object towards the desired one; its ``setup_with_manager`` says what it watches."""

    @abstractmethod
    def reconcile(self, request: Request) -> Awaitable[Result | None] | Result | None:
        """Look at one object and do what is missing; called again whenever something relevant changed.

        Written as ``async def`` it runs on the event loop and must not block it; written as ``def`` it runs in a
        thread. It is never called twice at the same time for one object.

        Args:
            request: The object's namespace and name; it may be gone by now.

        Returns:
            When to come back; None means when something changes.

        Raises:
            TerminalError: Do not retry until the object changes.
            Exception: Retry with back-off.
        """
