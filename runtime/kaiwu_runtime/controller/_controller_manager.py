"""The protocol of the manager that runs controllers."""

from __future__ import annotations

from typing import Protocol

from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.controller._controller import Controller
from kaiwu_runtime.controller._options import ControllerOptions
from kaiwu_runtime.recorder import EventRecorder


class ControllerManager(Protocol):
    """What a controller needs of the manager that runs it; :class:`~kaiwu_runtime.Manager` has it."""

    @property
    def api_reader(self) -> Client:
        """Reads from and writes to the API server, past the cache."""

    @property
    def cache(self) -> Cache:
        """The informers of every kind that is watched or read."""

    @property
    def controller_options(self) -> ControllerOptions:
        """The options of a controller that sets none."""

    @property
    def incomplete(self) -> list[object]:
        """The builders whose ``complete()`` is still to be called; the manager does not start while there is one."""

    def add_controller(self, controller: Controller) -> None:
        """Run a controller."""

    def check_leadership(self) -> None:
        """Return when this process may write; a process that has lost its leadership ends."""

    def event_recorder(self, name: str) -> EventRecorder:
        """Return a recorder of events that names a controller as their source."""
