"""What wakes a controller: the objects of a kind, or events from outside the cluster."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kaiwu_runtime.cache.cache import Cache
from kaiwu_runtime.cache.informer import Informer
from kaiwu_runtime.cache.store import ObjectEvent
from kaiwu_runtime.controller.handler import EventHandlerFunction
from kaiwu_runtime.controller.predicate import Predicate
from kaiwu_runtime.controller.request import Request
from kaiwu_runtime.queue import Priority

logger = logging.getLogger(__name__)

T = TypeVar("T")

Enqueue = Callable[[Request, Priority], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A kind that a controller watches.

    Attributes:
        kind: A project's type or a lightkube kind.
        handler: From an event to requests.
        predicates: All must let an event through.
        metadata_only: Watch nothing but the objects' metadata.
    """

    kind: type[Any]
    handler: EventHandlerFunction
    predicates: tuple[Predicate, ...] = ()
    metadata_only: bool = False

    def informer(self, cache: Cache) -> Informer:
        """Return the informer that hears of the objects."""
        return cache.informer(self.kind, metadata_only=self.metadata_only)

    def start(self, cache: Cache, enqueue: Enqueue, controller: str) -> None:
        """Put into a queue what the objects cause, from now on and for those that are there.

        Args:
            cache: Has the informer.
            enqueue: The queue.
            controller: Its name, for the log.
        """

        def on_event(event: ObjectEvent) -> None:
            try:
                if all(predicate.matches(event) for predicate in self.predicates):
                    priority = Priority.LOW if event.initial else Priority.NORMAL
                    for request in self.handler(event):
                        enqueue(request, priority)
            except Exception:
                # A mistake in a predicate or map function costs this event, not the controller.
                logger.exception(
                    "A predicate or map function failed",
                    extra={
                        "controller": controller,
                        "source": self.kind.__name__,
                        "event": event.type.value,
                        "object": str(event.object.key),
                    },
                )

        informer = self.informer(cache)
        logger.info("Starting EventSource", extra={"controller": controller, "source": str(informer.identity)})
        informer.add_event_handler(on_event)


class Channel(Generic[T]):
    """Takes events from outside the cluster, a poller's or a webhook's, to the controllers that watch it.

    What is sent before a controller runs waits for it.

    Args:
        most: How many events wait at most; older ones make room. Reconciling is by level, so the last ones count.
    """

    def __init__(self, most: int = 1024) -> None:
        self._waiting: deque[T] = deque(maxlen=most)
        self._listeners: list[tuple[asyncio.AbstractEventLoop, Callable[[T], None]]] = []
        self._lock = threading.Lock()

    def send(self, item: T) -> None:
        """Hand over an event; from any thread."""
        with self._lock:
            listeners = list(self._listeners)
            if not listeners:
                self._waiting.append(item)
        for loop, listener in listeners:
            if not loop.is_closed():  # the manager has stopped
                loop.call_soon_threadsafe(listener, item)

    def listen(self, listener: Callable[[T], None]) -> None:
        """Call a function for every event from now on, and for those that wait; from the event loop.

        Args:
            listener: Called in this event loop.
        """
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
            self._listeners.append((asyncio.get_running_loop(), listener))
        for item in waiting:
            listener(item)


@dataclass(frozen=True, slots=True)
class ChannelSource(Generic[T]):
    """A channel that a controller watches.

    Attributes:
        channel: Brings the events.
        function: From an event to requests.
    """

    channel: Channel[T]
    function: Callable[[T], Iterable[Request]]

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
            except Exception:
                logger.exception("A channel's function failed", extra={"controller": controller})

        logger.info("Starting EventSource", extra={"controller": controller, "source": "channel"})
        self.channel.listen(on_item)


def itself(request: Request) -> Iterable[Request]:
    """Return what was sent: a channel of requests."""
    return (request,)
