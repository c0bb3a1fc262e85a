"""Builds a controller in a sentence.

::

    controller_managed_by(manager).named("cluster").for_(Cluster).owns(StatefulSet).complete(self)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from kaiwu_runtime.api.identity import identify
from kaiwu_runtime.cache.store import ObjectEvent
from kaiwu_runtime.controller.controller import Controller, ControllerOptions, Source
from kaiwu_runtime.controller.handler import MapFunction, enqueue_mapped, enqueue_object, enqueue_owner
from kaiwu_runtime.controller.predicate import Predicate, PredicateFunction
from kaiwu_runtime.controller.reconciler import Reconciler
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.queue import RateLimiter

if TYPE_CHECKING:
    from kaiwu_runtime.manager.manager import Manager


Filter = Predicate | Callable[[ObjectEvent], bool]
"""A predicate, or a plain function that is one."""


class ControllerBuilder:
    """Collects what a controller watches; made by :func:`controller_managed_by`."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._name = ""
        self._for: type[Any] | None = None
        self._sources: list[Source] = []
        self._owned: list[tuple[type[Any], tuple[Predicate, ...], bool]] = []
        self._options = ControllerOptions()

    def named(self, name: str) -> Self:
        """Name the controller in logs and metrics; default is the lower-case kind of `for_`."""
        self._name = name
        return self

    def for_(self, kind: type[Any], *predicates: Filter) -> Self:
        """Reconcile objects of a kind.

        Args:
            kind: A project's type or a lightkube kind.
            predicates: All must let a change through.

        Raises:
            ConfigurationError: There is a kind already.
        """
        if self._for is not None:
            raise ConfigurationError(f"for_({kind.__name__}): the controller is for {self._for.__name__} already")
        self._for = kind
        self._sources.insert(0, Source(kind, enqueue_object, _all(predicates)))
        return self

    def owns(self, kind: type[Any], *predicates: Filter, only_controller: bool = True) -> Self:
        """Reconcile the owner when an object of a kind changes that it owns.

        Args:
            kind: A project's type or a lightkube kind.
            predicates: All must let a change through.
            only_controller: The owner must be the object's controller.
        """
        self._owned.append((kind, _all(predicates), only_controller))
        return self

    def watches(self, kind: type[Any], function: MapFunction, *predicates: Filter) -> Self:
        """Reconcile what a function names when an object of a kind changes.

        Args:
            kind: A project's type or a lightkube kind.
            function: From an object to requests; a plain function, called for every change.
            predicates: All must let a change through.

        Raises:
            ConfigurationError: The function is a coroutine function.
        """
        if inspect.iscoroutinefunction(function):
            raise ConfigurationError(
                f"watches({kind.__name__}, {getattr(function, '__name__', function)}): write the map function as a "
                "plain def; what it needs of other kinds it finds with manager.cache.informer(Kind).list()"
            )
        self._sources.append(Source(kind, enqueue_mapped(function), _all(predicates)))
        return self

    def with_options(
        self,
        *,
        max_concurrent_reconciles: int | None = None,
        reconcile_timeout: float | None = None,
        rate_limiter: RateLimiter | None = None,
        slow_reconcile: float | None = None,
    ) -> Self:
        """Say how the controller runs; see :class:`ControllerOptions`. What is not given stays as it is."""
        given: dict[str, Any] = {
            "max_concurrent_reconciles": max_concurrent_reconciles,
            "reconcile_timeout": reconcile_timeout,
            "rate_limiter": rate_limiter,
            "slow_reconcile": slow_reconcile,
        }
        self._options = replace(self._options, **{name: value for name, value in given.items() if value is not None})
        return self

    def complete(self, reconciler: Reconciler) -> Controller:
        """Build the controller and give it to the manager.

        Raises:
            ConfigurationError: It watches nothing, `owns` has no `for_`, or its name is taken.
        """
        owned = [self._owned_source(*entry) for entry in self._owned]
        sources = [*self._sources, *owned]
        name = self._name or (identify(self._for).kind.lower() if self._for is not None else "")
        if not sources or not name:
            raise ConfigurationError(
                f"{type(reconciler).__name__}: say what the controller is for: "
                "controller_managed_by(manager).for_(Kind).complete(self)"
            )
        controller = Controller(name, reconciler, sources, self._options)
        self._manager.add_controller(controller)
        return controller

    def _owned_source(self, kind: type[Any], predicates: tuple[Predicate, ...], only_controller: bool) -> Source:
        if self._for is None:
            raise ConfigurationError(f"owns({kind.__name__}) needs for_(): the kind of the owner")
        owners = self._manager.cache.informer(self._for)
        return Source(kind, enqueue_owner(owners.identity, owners.get, only_controller=only_controller), predicates)


def _all(predicates: tuple[Filter, ...]) -> tuple[Predicate, ...]:
    return tuple(entry if isinstance(entry, Predicate) else PredicateFunction(entry) for entry in predicates)


def controller_managed_by(manager: Manager) -> ControllerBuilder:
    """Begin a controller that a manager runs."""
    return ControllerBuilder(manager)
