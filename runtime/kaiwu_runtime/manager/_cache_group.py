"""The caches of a manager: its own, and those that were added, each with a name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kaiwu_runtime._names import is_dns_label
from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager._supervisor import Supervisor

if TYPE_CHECKING:
    from kaiwu_runtime.metrics._controllers import Metrics


class CacheGroup:
    """Runs the caches that were added, and those that are added later at once."""

    def __init__(self) -> None:
        self._caches: dict[str, Cache] = {}
        self._metrics: Metrics | None = None
        self._tasks: Supervisor | None = None
        self._running: list[asyncio.Task[None]] = []
        self._closed = False

    def __contains__(self, cache: Cache) -> bool:
        return self._caches.get(cache.name) is cache

    def check(self, name: str) -> None:
        """Return if a cache of this name can be added.

        Raises:
            ConfigurationError: The name is malformed or taken, or the manager has stopped.
        """
        if not is_dns_label(name):
            raise ConfigurationError(f"invalid cache name {name!r}: use lower-case letters, digits and '-'")
        if name in self._caches:
            raise ConfigurationError(f"there is a cache named {name!r} already: give one of them another name")
        if self._closed:
            raise ConfigurationError(f"the cache {name!r} cannot be added: the manager has stopped")

    def add(self, cache: Cache) -> None:
        """Add a cache; an empty name is that of the manager's own."""
        self._caches[cache.name] = cache
        if self._metrics is not None:
            cache.on_wait = self._metrics.waits(cache.name)
        if self._tasks is not None:
            self._run(self._tasks, cache)

    @property
    def informers(self) -> Sequence[Informer[Any]]:
        """The informers of every cache."""
        return [informer for cache in list(self._caches.values()) for informer in cache.informers]

    def measure(self, metrics: Metrics) -> None:
        """Measure every cache, also those that are added later."""
        self._metrics = metrics
        for cache in self._caches.values():
            cache.on_wait = metrics.waits(cache.name)

    def start(self, tasks: Supervisor) -> None:
        """Run every cache."""
        self._tasks = tasks
        for cache in self._caches.values():
            self._run(tasks, cache)

    def close(self) -> None:
        """Accept nothing more."""
        self._closed, self._tasks = True, None

    async def stop(self, tasks: Supervisor, seconds: float) -> None:
        """Stop every cache.

        Args:
            tasks: Runs them.
            seconds: How long they may take.
        """
        self.close()
        await tasks.cancel(self._running, seconds)

    def _run(self, tasks: Supervisor, cache: Cache) -> None:
        self._running.append(tasks.start(cache.run(), f"cache {cache.name}".rstrip()))
