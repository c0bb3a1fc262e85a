"""What a manager sets up: the part that reconcilers and webhooks have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from kaiwu_runtime.client.client import Client

if TYPE_CHECKING:
    from kaiwu_runtime.manager.manager import Manager


class Component(ABC):
    """A part of a project that `Manager.setup` makes and `Manager.discover` finds.

    Args:
        client: Reads from the cache, writes to the API server.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    @abstractmethod
    def setup_with_manager(self, manager: Manager) -> None:
        """Build what this part needs; called once, before anything runs.

        Args:
            manager: The manager to build it with: ``controller_managed_by(manager)`` for a reconciler,
                ``webhook_managed_by(manager)`` for a webhook.
        """
