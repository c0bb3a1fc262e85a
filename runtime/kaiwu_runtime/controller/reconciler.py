"""The interface a project implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from kaiwu_runtime.client.client import Client
from kaiwu_runtime.controller.request import Request, Result

if TYPE_CHECKING:
    from kaiwu_runtime.manager.manager import Manager


class Reconciler(ABC):
    """Moves the present state of an object towards the desired one.

    Args:
        client: Reads from the cache, writes to the API server.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    @abstractmethod
    def setup_with_manager(self, manager: Manager) -> None:
        """Say what the controller watches; called once, before anything runs.

        Args:
            manager: The manager to build a controller with: ``controller_managed_by(manager)``.
        """

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
