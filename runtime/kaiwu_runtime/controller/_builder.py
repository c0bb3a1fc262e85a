"""Build a controller with a chain of calls.

::

    controller_managed_by(manager).named("cluster").for_(Cluster).owns(StatefulSet).complete(self)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self, TypeVar

from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._scopes import Namespaces
from kaiwu_runtime.controller._controller import Controller
from kaiwu_runtime.controller._controller_manager import ControllerManager
from kaiwu_runtime.controller._decode_failures import DecodeFailureReporter
from kaiwu_runtime.controller._handler import MapFunction, enqueue_mapped, enqueue_object, enqueue_owner, map_typed
from kaiwu_runtime.controller._predicate import Filter, Predicate, all_predicates
from kaiwu_runtime.controller._reconciler import Reconciler
from kaiwu_runtime.controller._request import Request
from kaiwu_runtime.controller._source import Channel, ChannelSource, Source, passthrough
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.queue import RateLimiter

T = TypeVar("T")


def default_name(kind: type[Any]) -> str:
    """Return the name of a controller that `named` does not give one."""
    return identify(kind).kind.lower()


class ControllerBuilder:
    """Collects what a controller watches; made by :func:`controller_managed_by`."""

    def __init__(self, manager: ControllerManager) -> None:
        self._manager = manager
        self._name = ""
        self._for: type[Any] | None = None
        self._for_metadata_only = False
        self._cache: Cache | None = None
        self._completed = False
        self._sources: list[Source] = []
        self._owned: list[tuple[type[Any], tuple[Predicate, ...], bool, bool, Cache | None]] = []
        self._channels: list[ChannelSource[Any]] = []
        self._options = manager.controller_options
        manager.incomplete.append(self)

    def __repr__(self) -> str:
        calls = [f".named({self._name!r})"] if self._name else []
        calls += [f".for_({self._for.__name__})"] if self._for is not None else []
        return f"controller_managed_by(manager){''.join(calls)}"

    @property
    def kind(self) -> type[Any] | None:
        """The kind that the controller is for; None before `for_`."""
        return self._for

    @property
    def owned_kinds(self) -> list[type[Any]]:
        """The kinds that `owns` was called for."""
        return [kind for kind, *_ in self._owned]

    @property
    def watched_kinds(self) -> list[type[Any]]:
        """The kinds that `for_` and `watches` were called for."""
        return [source.kind for source in self._sources]

    @property
    def cache(self) -> Cache:
        """The cache of the kind that the controller is for."""
        return self._manager.cache if self._cache is None else self._cache

    @property
    def is_metadata_only(self) -> bool:
        """Whether only the metadata of that kind is watched."""
        return self._for_metadata_only

    def named(self, name: str) -> Self:
        """Name the controller in logs and metrics; default is the lower-case kind of `for_`."""
        self._refuse_after_complete("named()")
        self._name = name
        return self

    def for_(
        self,
        kind: type[Any],
        *predicates: Filter,
        label_selector: str = "",
        field_selector: str = "",
        namespaces: Namespaces | None = None,
        metadata_only: bool = False,
        optional: bool = False,
        cache: Cache | None = None,
    ) -> Self:
        """Reconcile objects of a kind.

        Selectors and namespaces apply to the cache of the kind: all its readers see only these objects. For the
        other kinds of a controller set them with ``manager.cache.configure``.

        Args:
            kind: A project's type or a lightkube kind.
            predicates: A change must pass all of them.
            label_selector: Only objects whose labels match; evaluated by the API server.
            field_selector: Only objects whose fields match; evaluated by the API server.
            namespaces: Instead of the manager's; empty for all. A mapping has selectors for each of them, see
                `Cache.configure`.
            metadata_only: Watch nothing but the objects' metadata. The reconciler reads an object with
                ``manager.api_reader``: `self.client` would begin to cache the whole kind. One that does not fit its
                type gets an event, and no condition.
            optional: The API server may lack the kind: the controller waits for its CRD, also after it was deleted.
            cache: Where the objects are watched, from `Manager.add_cache`; by default the manager's own.

        Raises:
            ConfigurationError: It is not a kind, there is one already, it is watched with other selectors, or
                `complete` was called.
        """
        self._check_kind("for_", kind)
        self._refuse_after_complete(f"for_({kind.__name__})")
        if self._for is not None:
            raise ConfigurationError(f"for_({kind.__name__}): the controller is for {self._for.__name__} already")
        self._cache = cache
        if label_selector or field_selector or namespaces is not None:
            self.cache.configure(
                kind, label_selector=label_selector, field_selector=field_selector, namespaces=namespaces
            )
        if optional:
            self.cache.allow_absent(kind)
        self._for = kind
        self._for_metadata_only = metadata_only
        self._sources.insert(0, Source(kind, enqueue_object, all_predicates(predicates), metadata_only, cache))
        return self

    def owns(
        self,
        kind: type[Any],
        *predicates: Filter,
        only_controller: bool = True,
        metadata_only: bool = False,
        optional: bool = False,
        cache: Cache | None = None,
    ) -> Self:
        """Reconcile the owner when an owned object of a kind changes.

        Args:
            kind: A project's type or a lightkube kind.
            predicates: All must let a change through.
            only_controller: The owner must be the object's controller.
            metadata_only: Watch nothing but the objects' metadata; enough to react to changes, not to read the objects.
            optional: The API server may lack the kind. Its watch begins when its CRD appears and ends when that is
                deleted; both reconcile every object of the kind in `for_`, so that the reconciler can create or forget
                what it owns: it asks ``client.serves(Kind)``.
            cache: See `for_`.

        Raises:
            ConfigurationError: It is not a kind, or `complete` was called.
        """
        self._check_kind("owns", kind)
        self._refuse_after_complete(f"owns({kind.__name__})")
        if optional:
            (cache or self._manager.cache).allow_absent(kind)
        self._owned.append((kind, all_predicates(predicates), only_controller, metadata_only, cache))
        return self

    def watches(
        self,
        kind: type[Any],
        function: MapFunction,
        *predicates: Filter,
        metadata_only: bool = False,
        optional: bool = False,
        cache: Cache | None = None,
    ) -> Self:
        """Reconcile the requests that a function returns when an object of a kind changes.

        Args:
            kind: A project's type or a lightkube kind.
            function: From an object to requests; a plain function, called for every change. It gets a typed copy of
                the object; one whose parameter is annotated with CachedObject gets the cached form.
            predicates: All must let a change through.
            metadata_only: Watch nothing but the objects' metadata; the function gets a PartialObjectMetadata.
            optional: The API server may lack the kind; see `owns`.
            cache: See `for_`.

        Raises:
            ConfigurationError: It is not a kind, or the function is a coroutine function.
        """
        self._check_kind("watches", kind)
        self._refuse_after_complete(f"watches({kind.__name__}, ...)")
        _check_plain(function, f"watches({kind.__name__}, ...)")
        if optional:
            (cache or self._manager.cache).allow_absent(kind)
        mapped = map_typed(kind, function, metadata_only=metadata_only)
        self._sources.append(Source(kind, enqueue_mapped(mapped), all_predicates(predicates), metadata_only, cache))
        return self

    def watches_channel(self, channel: Channel[T], function: Callable[[T], Iterable[Request]] | None = None) -> Self:
        """Reconcile the requests of events from outside the cluster.

        Args:
            channel: The channel; events are sent with its `send`.
            function: Maps an event to requests; None (default): the events are requests.

        Raises:
            ConfigurationError: The function is a coroutine function.
        """
        self._refuse_after_complete("watches_channel(...)")
        if function is not None:
            _check_plain(function, "watches_channel(...)")
        chosen: Callable[[Any], Iterable[Request]] = function or passthrough
        self._channels.append(ChannelSource(channel, chosen))
        return self

    def with_options(
        self,
        *,
        max_concurrent_reconciles: int | None = None,
        reconcile_timeout: float | None = None,
        rate_limiter: RateLimiter | None = None,
        blocking_threshold: float | None = None,
    ) -> Self:
        """Set options of the controller; see :class:`ControllerOptions`. Others stay as the manager has them."""
        self._refuse_after_complete("with_options(...)")
        given: dict[str, Any] = {
            "max_concurrent_reconciles": max_concurrent_reconciles,
            "reconcile_timeout": reconcile_timeout,
            "rate_limiter": rate_limiter,
            "blocking_threshold": blocking_threshold,
        }
        self._options = replace(self._options, **{name: value for name, value in given.items() if value is not None})
        return self

    def complete(self, reconciler: Reconciler) -> Controller:
        """Build the controller and add it to the manager.

        Raises:
            ConfigurationError: It watches nothing, `owns` has no `for_`, or its name is taken.
        """
        self.abandon()  # if it fails, that is the reason to tell
        owned = [self._owned_source(*entry) for entry in self._owned]
        sources = [*self._sources, *owned]
        name = self._name or (default_name(self._for) if self._for is not None else "")
        if not (sources or self._channels) or not name:
            raise ConfigurationError(
                f"{type(reconciler).__name__}: say what the controller is for: "
                "controller_managed_by(manager).for_(Kind).complete(self)"
            )
        controller = Controller(
            name,
            reconciler,
            sources,
            self._manager.cache,
            self._options,
            self._channels,
            fence=self._manager.check_leadership,
            primary=self._for,
            decode_failures=None if reconciler.reads_object else self.decode_failures(),
        )
        self._manager.add_controller(controller)
        self._completed = True
        return controller

    def abandon(self) -> None:
        """Do not expect `complete` to be called."""
        with suppress(ValueError):
            self._manager.incomplete.remove(self)

    def _check_kind(self, method: str, kind: type[Any]) -> None:
        try:
            identify(kind)
        except TypeError as error:
            raise ConfigurationError(f"{method}(...): {error}") from None

    def _refuse_after_complete(self, what: str) -> None:
        if self._completed:
            raise ConfigurationError(f"{what} comes after complete(): the controller is built; call it before")

    def decode_failures(self) -> DecodeFailureReporter | None:
        """Return what tells of objects that do not fit the controller's kind; None for a controller of no kind."""
        kind, manager, cache = self._for, self._manager, self.cache
        if kind is None:
            return None
        recorder = manager.event_recorder(f"{identify(kind).kind.lower()}-controller")
        metadata_only = self._for_metadata_only
        return DecodeFailureReporter(
            kind,
            lambda: cache.informer(kind, metadata_only=metadata_only),
            lambda: manager.api_reader,
            recorder,
            conditions=not metadata_only,
        )

    def _owned_source(
        self,
        kind: type[Any],
        predicates: tuple[Predicate, ...],
        only_controller: bool,
        metadata_only: bool,
        cache: Cache | None,
    ) -> Source:
        if self._for is None:
            raise ConfigurationError(f"owns({kind.__name__}) needs for_(): the kind of the owner")
        owners = self.cache.informer(self._for, metadata_only=self._for_metadata_only)
        handler = enqueue_owner(owners.identity, owners.store.get, only_controller=only_controller)
        return Source(kind, handler, predicates, metadata_only, cache)


def _check_plain(function: Callable[..., Any], where: str) -> None:
    if inspect.iscoroutinefunction(function):
        raise ConfigurationError(
            f"{where}: {getattr(function, '__name__', function)} is a coroutine function; write a plain def; what it "
            "needs of other kinds it finds with manager.cache.informer(Kind).list()"
        )


def controller_managed_by(manager: ControllerManager) -> ControllerBuilder:
    """Start to build a controller that a manager runs."""
    return ControllerBuilder(manager)
