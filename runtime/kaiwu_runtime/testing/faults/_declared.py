"""What the methods of a scenario declare, before a run; an error in one of them is reported with its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import Any, TypeVar

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.testing.faults._scenario import Cluster, Scenario

T = TypeVar("T")


def outside_of(scenario: Scenario) -> dict[type[Any], object]:
    """Return what a run uses outside Kubernetes, by type.

    Raises:
        ConfigurationError: `Scenario.outside` fails, or `Scenario.failure` returns no error for one of the types.
    """
    world = _called(scenario, "outside", lambda: dict(scenario.outside()))
    _called(scenario, "failure", lambda: _check_failures(scenario, world))
    return world


def prepare(scenario: Scenario, cluster: Cluster) -> None:
    """Let a scenario set what Pods answer.

    Raises:
        ConfigurationError: `Scenario.prepare` fails.
    """
    _called(scenario, "prepare", lambda: scenario.prepare(cluster))


def _check_failures(scenario: Scenario, kinds: Iterable[type[Any]]) -> None:
    for kind, lost in product(kinds, (False, True)):
        found: object = scenario.failure(kind, f"{kind.__name__}.call()", lost)
        if not isinstance(found, Exception):
            raise ConfigurationError(f"{found!r} is not an exception: return one, such as ConnectionError()")


def _called(scenario: Scenario, name: str, method: Callable[[], T]) -> T:
    try:
        return method()
    except Exception as error:
        raise ConfigurationError(f"{type(scenario).__name__}.{name}: {describe(error)}") from error
