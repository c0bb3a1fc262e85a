"""Protocols of what a manager runs: the manager imports no controller and no webhook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from kaiwu_runtime.cache._informer import Informer

if TYPE_CHECKING:
    from kaiwu_runtime.metrics._controllers import Metrics


class Runnable(Protocol):
    """Something that runs as long as the manager does."""

    async def run(self) -> None:
        """Run until cancelled; a return is fine, an exception stops the manager."""


class ManagedRunnable(Runnable, Protocol):
    """A runnable that reads from the cache and is stopped with a grace period: a controller."""

    @property
    def name(self) -> str:
        """Name for logs and metrics; unique in a manager."""

    @property
    def needs_leader(self) -> bool:
        """Whether to wait for the leadership."""

    def informers(self) -> Sequence[Informer[Any]]:
        """Return the informers to wait for before it runs."""

    async def stop(self, grace: float) -> None:
        """Finish the work in progress, and cancel it after `grace` seconds."""

    def measure(self, metrics: Metrics) -> None:
        """Report to the manager's metrics from now on."""


class Server(Protocol):
    """A server that runs from before the caches sync to after the workers have stopped: the webhook server."""

    @property
    def port(self) -> int:
        """The port that is served, once started."""

    @property
    def serves_conversions(self) -> bool:
        """Whether listing a kind may need this server."""

    async def start(self) -> None:
        """Listen."""

    async def stop(self) -> None:
        """Stop listening; requests in progress are answered."""

    async def check(self) -> None:
        """Raise an error unless the server answers; a check of readiness."""

    def measure(self, metrics: Metrics) -> None:
        """Report to the manager's metrics; called before the start."""


class Component(Protocol):
    """A class of a project that the manager sets up: a reconciler or a webhook.

    Attributes:
        module_suffix: How the modules are named in which `Manager.discover` looks for it.
    """

    module_suffix: ClassVar[str]

    def setup_with_manager(self, manager: Any) -> None:  # noqa: ANN401 - the Manager, which imports this module
        """Build what this part needs; called once, before anything runs."""
