"""The manager: one client, one cache, and the controllers that share them.

See https://pkg.go.dev/sigs.k8s.io/controller-runtime/pkg/manager for the model it follows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager._cluster import Cluster
from kaiwu_runtime.manager._constructor import construct, own_values
from kaiwu_runtime.manager._feature_gates import set_gates
from kaiwu_runtime.manager._lifecycle import Lifecycle
from kaiwu_runtime.manager._options import ManagerOptions
from kaiwu_runtime.recorder import EventRecorder
from kaiwu_runtime.serving._probes import Check

if TYPE_CHECKING:
    from kaiwu_runtime.controller._options import ControllerOptions
    from kaiwu_runtime.manager._runnable import Component, ManagedRunnable, Runnable

logger = logging.getLogger("kaiwu_runtime.manager.manager")

T = TypeVar("T")


class Manager(Lifecycle):
    """Run controllers and webhooks.

    Args:
        options: The options; by default only the environment's kubeconfig is read.
        client: A client to use instead of one for the options' kubeconfig, for instance one on a
            :class:`~kaiwu_runtime.testing.FakeTransport`; closed when the manager stops. It is used for the Lease and
            the webhooks' certificates too, and with leader election its writes are fenced: a `fence` is set on its
            transport, which is wrapped where it has no such attribute.

    Attributes:
        probes: The checks behind /healthz and /readyz, whether they are served or not.
        webhooks: The server of :func:`~kaiwu_runtime.webhook.webhook_managed_by`; None while there are no webhooks.
    """

    def __init__(self, options: ManagerOptions | None = None, *, client: Client | None = None) -> None:
        options = (options or ManagerOptions()).in_effect()
        if options.feature_gates:
            set_gates(options.feature_gates)
        super().__init__(options, Cluster(options, client))
        self._values = own_values(self)
        self.logger = logger

    @property
    def api_reader(self) -> Client:
        """Reads from and writes to the API server, past the cache.

        Raises:
            ConfigurationError: There is no usable kubeconfig.
        """
        return self._cluster.api_reader

    @property
    def cache(self) -> Cache:
        """The informers of every kind that is watched or read."""
        return self._cluster.cache

    @property
    def client(self) -> CachedClient:
        """Reads from the cache, writes to the API server."""
        return self._cluster.client

    def add_cache(self, name: str, *, namespaces: Sequence[str] | None = None) -> Cache:
        """Return another cache, for kinds of which different objects are needed in different places.

        ::

            backups = manager.add_cache("backups")
            backups.configure(Secret, label_selector="backup=true")

        A controller watches it with ``owns(Secret, cache=backups)``, and a client reads from it: see `client_for`. The
        manager runs it like its own cache; one that is added while the manager runs is started at once.

        Args:
            name: For logs, metrics and messages; lower-case letters, digits and hyphens.
            namespaces: Watch these only; empty for all. None (default): the manager's.

        Raises:
            ConfigurationError: The name is malformed or taken, the manager has stopped, or there is no usable
                kubeconfig.
        """
        return self._cluster.add_cache(name, namespaces)

    def client_for(self, cache: Cache) -> CachedClient:
        """Return a client that reads from a cache of this manager, and writes to the API server as `client` does.

        Args:
            cache: From `add_cache`.

        Raises:
            ConfigurationError: It is not a cache of this manager.
        """
        return self._cluster.client_for(cache)

    @property
    def controller_options(self) -> ControllerOptions:
        """The options of a controller that sets none: ``options.controller``."""
        from kaiwu_runtime.controller._options import ControllerOptions  # noqa: PLC0415 - only what a controller asks

        return self.options.controller or ControllerOptions()

    def discover(self, *packages: ModuleType) -> None:
        """Set up every reconciler in the ``*_controller.py`` and every webhook in the ``*_webhook.py`` modules.

        `run` reports an error in one of them, as one line and status 1.

        Args:
            packages: For example ``controllers``, imported; packages below are searched too.
        """
        from kaiwu_runtime.manager._discovery import find  # noqa: PLC0415 - tests and small operators use `setup`

        try:
            kinds = [kind for package in packages for kind in find(package)]
        except ConfigurationError as error:
            self._set_up_failed(error)
        else:
            self.setup(*kinds)

    def setup(self, *kinds: type[Component]) -> None:
        """Create reconcilers and webhooks, and let them build their controllers and handlers.

        A mistake in one of them, or a missing kubeconfig, is reported by `run`, as one line and status 1.

        Args:
            kinds: Classes whose constructors take what the manager has: by their annotations Client, Reader (past the
                cache), Cache, EventRecorder, Clock, Manager, and the types of `provide`.

        Raises:
            ConfigurationError: A mistake in one of them, when the manager runs already.
        """
        try:
            for kind in kinds:
                construct(kind, self._values).setup_with_manager(self)
        except ConfigurationError as error:
            self._set_up_failed(error)

    def provide(self, kind: type[T], value: T) -> None:
        """Provide a value for constructor parameters of a type; call it before `discover` and `setup`.

        ``manager.provide(Registry, registry)`` gives it to ``def __init__(self, client: Client, registry: Registry)``.

        Args:
            kind: The type that parameters are annotated with.
            value: The value, the same for each class. A value for Client, Clock and the like replaces that of the
                manager.
        """
        self._values[kind] = lambda _: value

    def add_controller(self, controller: ManagedRunnable) -> None:
        """Run a controller; :func:`~kaiwu_runtime.controller.controller_managed_by` calls this.

        One that is added while the manager runs is started at once.

        Raises:
            ConfigurationError: There is one of that name, or the manager has stopped.
        """
        self._runnables.add_controller(controller)

    def add(self, runnable: Runnable, *, leader_only: bool = True) -> None:
        """Add a runnable, which runs once the caches are synced; at once if the manager runs already.

        Args:
            runnable: The runnable.
            leader_only: Wait for the leadership if leader election is enabled; False: run on every replica.

        Raises:
            ConfigurationError: The manager has stopped.
        """
        self._runnables.add(runnable, leader_only=leader_only)

    def add_healthz_check(self, name: str, check: Check) -> None:
        """Add a check of liveness, whether probes are served or not; see `Probes.add_healthz_check`."""
        self.probes.add_healthz_check(name, check)

    def add_readyz_check(self, name: str, check: Check) -> None:
        """Add a check of readiness, whether probes are served or not; see `Probes.add_readyz_check`."""
        self.probes.add_readyz_check(name, check)

    def connect(self) -> Client:
        """Return another client for the same API server, which may be used in another event loop.

        Its writes are not fenced, and it has to be closed. The client that the manager was given is asked for another
        of its kind; where that has no credentials to connect with, requests go through it and the manager's event loop.

        Raises:
            ConfigurationError: There is no usable kubeconfig.
        """
        return self._cluster.connect(self._loop)

    def event_recorder(self, name: str) -> EventRecorder:
        """Return a recorder of events that names a controller as their source.

        Raises:
            ValueError: The name is not a valid controller name.
        """
        return EventRecorder(self._events, name)

    def _set_up_failed(self, error: ConfigurationError) -> None:
        if self._started:
            raise error  # `start` has looked for a failure already
        self._failure = self._failure or error
