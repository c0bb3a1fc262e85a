"""What a scenario declares, before a run; an error in one of its attributes or methods is reported with its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from itertools import product
from typing import Any, TypeVar

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager._manager import Manager
from kaiwu_runtime.testing.faults._scenario import Cluster, Scenario

T = TypeVar("T")

_SECONDS = ("quiet", "limit", "real_quiet", "real_limit")
_TEXTS = ("ignored", "kept", "real_command")


def made(kind: type[Scenario]) -> Scenario:
    """Return an instance of a scenario.

    Raises:
        ConfigurationError: It cannot be made, or has an attribute of another type than it should have.
    """
    try:
        scenario = kind()
        _check_attributes(scenario)
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{kind.__name__}: {describe(error)}") from error
    return scenario


def set_up(scenario: Scenario, manager: Manager) -> None:
    """Let a scenario set up the operator.

    Raises:
        ConfigurationError: It does not return, or is a coroutine.
    """
    try:
        _check_plain(scenario.operator(manager), "operator")  # type: ignore[func-returns-value]
    except SystemExit as error:
        raise ConfigurationError(f"operator: {describe(error)}") from None


def outside_of(scenario: Scenario) -> dict[type[Any], object]:
    """Return what a run uses outside Kubernetes, by type.

    Raises:
        ConfigurationError: `Scenario.outside` fails, or `Scenario.failure` returns no error for one of the types.
    """
    world = _called(scenario, "outside", lambda: _checked_types(dict(scenario.outside())))
    _called(scenario, "failure", lambda: _check_failures(scenario, world))
    return world


def prepare(scenario: Scenario, cluster: Cluster) -> None:
    """Let a scenario set what Pods answer.

    Raises:
        ConfigurationError: `Scenario.prepare` fails.
    """
    _called(scenario, "prepare", lambda: _check_plain(scenario.prepare(cluster), "prepare"))  # type: ignore[func-returns-value]


def _check_attributes(scenario: Scenario) -> None:
    for name in _SECONDS:
        value: object = getattr(scenario, name)
        if not isinstance(value, int | float) or not value > 0:
            raise ConfigurationError(f"{name} is {value!r}: use a number of seconds greater than 0")
    for name in _TEXTS:
        _check_items(scenario, name, lambda each: isinstance(each, str), '["..."]')
    _check_items(scenario, "kinds", lambda each: bool(identify(each)), "[Site]")
    if not isinstance(scenario.namespace, str) or not scenario.namespace:
        raise ConfigurationError(f"namespace is {scenario.namespace!r}: use the name of a namespace")


def _check_items(scenario: Scenario, name: str, fits: Callable[[Any], bool], example: str) -> None:
    """Check a list; one that is a text would be taken for its characters."""
    value: object = getattr(scenario, name)
    if isinstance(value, str) or not isinstance(value, Collection) or not all(map(fits, value)):
        raise ConfigurationError(f"{name} is {value!r}: use a list, such as {name} = {example}")


def _checked_types(world: dict[T, object]) -> dict[T, object]:
    for kind in world:
        if not isinstance(kind, type):
            raise ConfigurationError(f"{kind!r} is not a type: use the type that a constructor of the operator names")
    return world


def _check_plain(found: object, name: str) -> None:
    if inspect.isawaitable(found):
        if inspect.iscoroutine(found):
            found.close()
        raise ConfigurationError(f"define {name} without `async`")


def _check_failures(scenario: Scenario, kinds: Iterable[type[Any]]) -> None:
    for kind, lost in product(kinds, (False, True)):
        found: object = scenario.failure(kind, f"{kind.__name__}.call()", lost)
        if not isinstance(found, Exception):
            raise ConfigurationError(f"{found!r} is not an exception: return one, such as ConnectionError()")


def _called(scenario: Scenario, name: str, method: Callable[[], T]) -> T:
    try:
        return method()
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{type(scenario).__name__}.{name}: {describe(error)}") from error
