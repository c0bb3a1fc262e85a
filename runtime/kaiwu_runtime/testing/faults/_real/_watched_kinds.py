"""The types that an operator watches: what is set up in this process, and not started, says so."""

from __future__ import annotations

from typing import Any

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.manager._manager import Manager
from kaiwu_runtime.manager._options import ManagerOptions
from kaiwu_runtime.manager._runnable import ManagedRunnable
from kaiwu_runtime.testing._transport import FakeTransport
from kaiwu_runtime.testing.faults._declared import set_up
from kaiwu_runtime.testing.faults._outcome import RunFailed
from kaiwu_runtime.testing.faults._scenario import Scenario


def watched_kinds(scenario: Scenario) -> set[type[Any]]:
    """Return the types that an operator watches, and those that its scenario names.

    Raises:
        RunFailed: The operator cannot be set up.
    """
    kinds = set(scenario.kinds)
    try:
        options = ManagerOptions(health_probe_bind_address="0", metrics_bind_address="0")
        manager = Manager(options, client=Client(FakeTransport()))
        for kind, inner in scenario.outside().items():
            manager.provide(kind, inner)
        add = manager.add_controller

        def add_controller(controller: ManagedRunnable) -> None:
            add(controller)
            kinds.update(source.kind for source in getattr(controller, "sources", ()))

        manager.add_controller = add_controller  # type: ignore[method-assign]
        set_up(scenario, manager)
    except Exception as error:
        raise RunFailed(f"the operator cannot be set up: {describe(error)}") from error
    return kinds
