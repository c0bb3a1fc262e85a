"""The controllers and other runnables of a manager: those of the leader, and those of every replica."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager._runnable import ManagedRunnable, Runnable
from kaiwu_runtime.manager._supervisor import Supervisor

if TYPE_CHECKING:
    from kaiwu_runtime.metrics._controllers import Metrics


class RunnableGroup:
    """Starts what was added once its turn comes, and what is added later at once."""

    def __init__(self) -> None:
        self._controllers: dict[str, ManagedRunnable] = {}
        self._runnables: list[tuple[Runnable, bool]] = []
        self._metrics: Metrics | None = None
        self._tasks: Supervisor | None = None
        self._leads = False
        self._closed = False
        self._beside: list[asyncio.Task[None]] = []

    def add_controller(self, controller: ManagedRunnable) -> None:
        """Add a controller; see `Manager.add_controller`."""
        self._raise_if_closed(f"the controller {controller.name!r}")
        if controller.name in self._controllers:
            raise ConfigurationError(
                f"two controllers are named {controller.name!r} "
                f"({self._controllers[controller.name]} and {controller}); give one another name with named()"
            )
        self._controllers[controller.name] = controller
        if self._metrics is not None:
            controller.measure(self._metrics)
        if self._tasks is not None and self._is_started(controller.needs_leader):
            self._start_controller(self._tasks, controller)

    def add(self, runnable: Runnable, *, leader_only: bool) -> None:
        """Add any other runnable; see `Manager.add`."""
        self._raise_if_closed(type(runnable).__name__)
        self._runnables.append((runnable, leader_only))
        if self._tasks is not None and self._is_started(leader_only):
            self._start_runnable(self._tasks, runnable)

    def measure(self, metrics: Metrics) -> None:
        """Measure every controller, also those that are added later."""
        self._metrics = metrics
        for controller in self._controllers.values():
            controller.measure(metrics)

    def informers(self) -> Sequence[Informer[Any]]:
        """Return the informers of every controller."""
        return [informer for controller in self._controllers.values() for informer in controller.informers()]

    @property
    def controllers(self) -> Sequence[ManagedRunnable]:
        """The controllers, in the order in which they were added."""
        return list(self._controllers.values())

    @property
    def is_idle(self) -> bool:
        """Whether every controller has done what there is to do now."""
        return all(getattr(controller, "is_idle", True) for controller in self._controllers.values())

    def start(self, tasks: Supervisor) -> None:
        """Start what runs on every replica."""
        self._tasks = tasks
        self._start_all(tasks, needs_leader=False)

    def start_leader(self, tasks: Supervisor) -> None:
        """Start what runs on the leader only."""
        self._leads = True
        self._start_all(tasks, needs_leader=True)

    def close(self) -> None:
        """Accept nothing more, and start nothing more."""
        self._closed, self._leads, self._tasks = True, False, None

    async def stop(self, tasks: Supervisor, *, grace: float, seconds: float) -> None:
        """Stop everything.

        Args:
            tasks: Runs them.
            grace: Seconds for the work in progress.
            seconds: Seconds for what is cancelled afterwards.
        """
        await asyncio.gather(
            tasks.cancel(self._beside, grace + seconds),
            *(controller.stop(grace) for controller in self._controllers.values()),
        )

    def _start_all(self, tasks: Supervisor, *, needs_leader: bool) -> None:
        for controller in self._controllers.values():
            if controller.needs_leader == needs_leader:
                self._start_controller(tasks, controller)
        for runnable, leader_only in self._runnables:
            if leader_only == needs_leader:
                self._start_runnable(tasks, runnable)

    def _is_started(self, needs_leader: bool) -> bool:
        """Whether the others of its sort are started already."""
        return self._leads or not needs_leader

    def _start_controller(self, tasks: Supervisor, controller: ManagedRunnable) -> None:
        tasks.start(controller.run(), f"controller {controller.name}")

    def _start_runnable(self, tasks: Supervisor, runnable: Runnable) -> None:
        self._beside.append(tasks.start(runnable.run(), type(runnable).__name__))

    def _raise_if_closed(self, what: str) -> None:
        if self._closed:
            raise ConfigurationError(f"{what} cannot be added: the manager has stopped")
