"""What wakes a controller: the objects of a kind, or events from outside the cluster."""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from kaiwu_runtime._callback import contained, forget_stack
from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._informer import EventHandler, Informer
from kaiwu_runtime.cache._store import ObjectEvent
from kaiwu_runtime.controller._handler import EventHandlerFunction
from kaiwu_runtime.controller._predicate import Predicate
from kaiwu_runtime.controller._request import Request
from kaiwu_runtime.queue import Priority

logger = logging.getLogger("kaiwu_runtime.controller.source")

T = TypeVar("T")

Enqueue = Callable[[Request, Priority], None]


class Source(msgspec.Struct, frozen=True):
    """A kind that a controller watches.

    Attributes:
        kind: A project's type or a lightkube kind.
        handler: From an event to requests.
        predicates: All must let an event through.
        metadata_only: Watch nothing but the objects' metadata.
        cache: Where they are watched; None: in the controller's cache.
    """

    kind: type[Any]
    handler: EventHandlerFunction
    predicates: tuple[Predicate, ...] = ()
    metadata_only: bool = False
    cache: Cache | None = None

    def informer(self, cache: Cache) -> Informer[Any]:
        """Return the informer that hears of the objects.

        Args:
            cache: The controller's.
        """
        return self.cache_or(cache).informer(self.kind, metadata_only=self.metadata_only)

    def cache_or(self, cache: Cache) -> Cache:
        """Return the cache of the objects.

        Args:
            cache: The controller's.
        """
        return cache if self.cache is None else self.cache

    def start(self, cache: Cache, enqueue: Enqueue, controller: str) -> EventHandler:
        """Put into a queue what the objects cause, from now on and for those that are there.

        Args:
            cache: The controller's.
            enqueue: The queue.
            controller: Its name, for the log.

        Returns:
            The event handler that the informer calls.
        """
        predicates, handler = self.predicates, self.handler

        def on_event(event: ObjectEvent) -> None:
            try:
                for predicate in predicates:
                    if not predicate.matches(event):
                        return
                priority = Priority.LOW if event.initial else Priority.NORMAL
                for request in handler(event):
                    enqueue(request, priority)
            except BaseException as error:
                # A mistake in a predicate or map function costs this event, not the controller.
                logger.error(
                    "A predicate or map function failed",
                    extra={
                        "controller": controller,
                        "source": self.kind.__name__,
                        "event": event.type.value,
                        "object": str(event.object.key),
                    },
                    exc_info=contained(error),
                )
                forget_stack(error)

        informer = self.informer(cache)
        fields = {"controller": controller, "source": str(informer.identity)}
        logger.info("Starting EventSource", extra={**fields, "cache": informer.cache} if informer.cache else fields)
        informer.add_event_handler(on_event)
        return on_event


class Channel(Generic[T]):
    """Takes events from outside the cluster, a poller's or a webhook's, to the controllers that watch it.

    Every controller gets every event. What is sent before a controller runs waits for it.

    Args:
        max_pending: Maximum number of events that wait for each controller; older ones make room. Reconciling is by
            level, so the last ones count.
    """

    def __init__(self, max_pending: int = 1024) -> None:
        self._early: deque[T] = deque(maxlen=max_pending)
        """Events from before the first controller ran, for those that are still to subscribe."""
        self._subscriptions: list[weakref.ref[Subscription[T]]] = []
        """Weak: the controllers of a manager that is dropped without having run need no events."""
        self._own: list[Subscription[T]] = []
        """Those of `listen`, which has no controller to keep them."""
        self._lock = threading.RLock()

    def send(self, item: T) -> None:
        """Hand over an event; from any thread."""
        with self._lock:
            present = self._present()
            if not any(subscription.is_listening for subscription in present):
                self._early.append(item)
            for subscription in present:
                subscription.put(item)

    def subscribe(self) -> Subscription[T]:
        """Keep events from now on for a future listener, including those sent before there was any listener.

        The channel does not keep the subscription: it ends when the caller drops it.
        """
        with self._lock:
            subscription = Subscription(self._early, self._lock)
            self._present()
            self._subscriptions.append(weakref.ref(subscription))
            return subscription

    def listen(self, listener: Callable[[T], None]) -> None:
        """Call a function for every event from now on, and for those that wait; from the event loop.

        Args:
            listener: Called in this event loop. What it raises is logged.
        """
        with self._lock:
            subscription = self.subscribe()
            self._own.append(subscription)
        subscription.listen(listener)

    def _present(self) -> list[Subscription[T]]:
        """Return the subscriptions, and forget those whose manager has ended or was dropped; under the lock."""
        kept = [each for each in (reference() for reference in self._subscriptions) if each is not None]
        present = [each for each in kept if not each.is_over]
        if len(present) < len(self._subscriptions):
            self._subscriptions = [weakref.ref(each) for each in present]
            self._own = [each for each in self._own if not each.is_over]
        return present


class Subscription(Generic[T]):
    """The events of a channel for one controller; made by `Channel.subscribe`.

    Args:
        early: The channel's events that wait for its first listener.
        lock: The channel's.
    """

    def __init__(self, early: deque[T], lock: AbstractContextManager[object]) -> None:
        self._early = early
        self._waiting = early.copy()
        self._lock = lock
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: Callable[[T], None] | None = None

    @property
    def is_listening(self) -> bool:
        """Whether events are taken rather than kept."""
        return self._listener is not None and not self.is_over

    @property
    def is_over(self) -> bool:
        """Whether it was closed, or its event loop was."""
        return self._closed or (self._loop is not None and self._loop.is_closed())

    def close(self) -> None:
        """Take no more events."""
        with self._lock:
            self._closed, self._listener = True, None
            self._waiting.clear()

    def put(self, item: T) -> None:
        """Take an event; from any thread, under the channel's lock."""
        if self._closed:
            return
        if self._listener is None or self._loop is None:
            self._waiting.append(item)
            return
        with suppress(RuntimeError):  # the loop is closed: the manager has stopped
            self._loop.call_soon_threadsafe(self._deliver, self._listener, item)

    def listen(self, listener: Callable[[T], None]) -> None:
        """Call a function for the events that wait, and for every event from now on; see `Channel.listen`."""
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
            self._loop, self._listener = asyncio.get_running_loop(), listener
            self._early.clear()  # a controller that is added later was not there when they were sent
        for item in waiting:
            self._deliver(listener, item)

    @staticmethod
    def _deliver(listener: Callable[[T], None], item: T) -> None:
        try:
            listener(item)
        except BaseException as error:
            logger.error("A channel's listener failed", exc_info=contained(error))
            forget_stack(error)


@dataclass(frozen=True, slots=True)
class ChannelSource(Generic[T]):
    """A channel that a controller watches.

    Attributes:
        channel: Brings the events.
        function: From an event to requests.
    """

    channel: Channel[T]
    function: Callable[[T], Iterable[Request]]
    _subscription: Subscription[T] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Already now, so that what is sent before the start waits for this controller too.
        object.__setattr__(self, "_subscription", self.channel.subscribe())

    def start(self, enqueue: Enqueue, controller: str) -> None:
        """Put into a queue what the events cause.

        Args:
            enqueue: The queue.
            controller: Its name, for the log.
        """

        def on_item(item: T) -> None:
            try:
                for request in self.function(item):
                    enqueue(request, Priority.NORMAL)
            except BaseException as error:
                logger.error("A channel's function failed", extra={"controller": controller}, exc_info=contained(error))
                forget_stack(error)

        logger.info("Starting EventSource", extra={"controller": controller, "source": "channel"})
        self._subscription.listen(on_item)

    def stop(self) -> None:
        """Take no more events: the controller has stopped."""
        self._subscription.close()


def passthrough(request: Request) -> Iterable[Request]:
    """Return what was sent: a channel of requests."""
    return (request,)
