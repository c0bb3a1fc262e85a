"""The interface a project implements for its webhooks, so that they are found as its controllers are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from kaiwu_runtime.client._client import Client

if TYPE_CHECKING:
    from kaiwu_runtime.manager._manager import Manager


class Webhook(ABC):
    """Declare the webhooks of a kind. In a module ``*_webhook.py``, ``Manager.discover`` finds it.

    Args:
        client: Reads from the cache, writes to the API server.
    """

    module_suffix: ClassVar[str] = "_webhook"

    def __init__(self, client: Client) -> None:
        self.client = client

    @abstractmethod
    def setup_with_manager(self, manager: Manager) -> None:
        """Build the webhooks; called once, before anything runs.

        Args:
            manager: The manager to build them with: ``webhook_managed_by(manager).for_(Kind)...complete()``.
        """
