"""Build the webhooks of a kind with a chain of calls.

::

    webhook_managed_by(manager).for_(Cluster).with_defaulter(Defaults()).with_validator(Rules()).complete()

The paths are controller-runtime's, or those that the classes declare with ``@mutating`` and ``@validating``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload
from urllib.parse import urlsplit

from kaiwu_runtime._optional_methods import misspelled
from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.webhook._admission import Defaulter, Validator
from kaiwu_runtime.webhook._configuration import declared_webhooks
from kaiwu_runtime.webhook._conversion import Convertible, Spoke
from kaiwu_runtime.webhook._handlers import DefaultingHandler, ValidatingHandler
from kaiwu_runtime.webhook._paths import mutate_path, validate_path

if TYPE_CHECKING:
    from kaiwu_runtime.manager._manager import Manager

T = TypeVar("T")
S = TypeVar("S")


class KindWebhooks(Generic[T]):
    """Collects the webhooks of one kind; made by ``webhook_managed_by(manager).for_(Kind)``."""

    def __init__(self, manager: Manager, kind: type[T]) -> None:
        self._manager = manager
        self._kind = kind
        self._defaulter: Defaulter[T] | None = None
        self._validator: Validator[T] | None = None
        self._spokes: list[Spoke[Any, T]] = []
        manager.incomplete.append(self)

    def __repr__(self) -> str:
        return f"webhook_managed_by(manager).for_({self._kind.__name__})"

    def with_defaulter(self, defaulter: Defaulter[T]) -> Self:
        """Let a defaulter fill in objects before they are stored.

        Raises:
            ConfigurationError: It is a class, and not an object of one.
        """
        self._defaulter = _made("with_defaulter", defaulter)
        return self

    def with_validator(self, validator: Validator[T]) -> Self:
        """Let a validator decide which writes are allowed.

        Raises:
            ConfigurationError: It is a class, and not an object of one, or a method of it is misspelled, so that it
                would never be called.
        """
        self._validator = _made("with_validator", validator)
        kind = type(validator)
        if found := misspelled(kind, Validator, ("validate_create", "validate_update", "validate_delete")):
            raise ConfigurationError(f"{kind.__name__}.{found[0]} is never called: did you mean {found[1]}?")
        return self

    @overload
    def with_spoke(self, kind: type[Convertible[T]]) -> Self: ...

    @overload
    def with_spoke(self, kind: type[S], to_hub: Callable[[S], T], from_hub: Callable[[T], S]) -> Self: ...

    def with_spoke(
        self,
        kind: type[Any],
        to_hub: Callable[[Any], T] | None = None,
        from_hub: Callable[[T], Any] | None = None,
    ) -> Self:
        """Convert another version of the kind to and from this one, which is the hub.

        Both functions are plain ones and depend on nothing but the object: they run for every object of every list.

        Args:
            kind: The other version's type.
            to_hub: Returns the object in the hub version; default is the type's ``convert_to`` method.
            from_hub: Returns a hub object in the other version; default is the type's ``convert_from`` class method.

        Raises:
            ConfigurationError: Functions are not given, and the type has no such methods.
            TypeError: The type is not a Kubernetes resource.
        """
        identify(kind)
        to_hub = to_hub or getattr(kind, "convert_to", None)
        from_hub = from_hub or getattr(kind, "convert_from", None)
        if to_hub is None or from_hub is None:
            raise ConfigurationError(
                f"with_spoke({kind.__name__}): give to_hub and from_hub, or write {kind.__name__}.convert_to() and "
                f"{kind.__name__}.convert_from(hub)"
            )
        self._spokes.append(Spoke(kind, to_hub, from_hub))
        return self

    def complete(self) -> None:
        """Add the webhooks to the manager, which serves them from its start on.

        Raises:
            ConfigurationError: There is nothing to serve, the kind has such a webhook already, or the manager has
                started.
        """
        with suppress(ValueError):
            self._manager.incomplete.remove(self)  # if it fails, that is the reason to tell
        if self._manager.started:
            raise ConfigurationError(f"{self!r}: the manager has started; complete webhooks before that")
        if self._defaulter is None and self._validator is None and not self._spokes:
            raise ConfigurationError(f"{self!r}: give it a defaulter, a validator or a spoke")
        # Imported here: the types above are of use without a server, in tests for instance.
        from kaiwu_runtime.webhook._server import WebhookServer, webhook_server  # noqa: PLC0415

        server = self._manager.webhooks
        if server is None:
            server = self._manager.webhooks = webhook_server(self._manager.options, self._manager.connect)
        if not isinstance(server, WebhookServer):
            raise ConfigurationError(f"the manager's webhooks are a {type(server).__name__}: leave them to the builder")
        identity = identify(self._kind)
        if self._defaulter is not None:
            for path in _paths(self._defaulter, mutate_path(identity)):
                server.register(path, DefaultingHandler(self._kind, self._defaulter))
        if self._validator is not None:
            for path in _paths(self._validator, validate_path(identity)):
                server.register(path, ValidatingHandler(self._kind, self._validator))
        if self._spokes:
            server.conversions.add(self._kind, *self._spokes)


def _made(method: str, webhook: T) -> T:
    """Return a defaulter or validator that was made; a class would fail at every request."""
    if isinstance(webhook, type):
        name = webhook.__name__
        raise ConfigurationError(f"{method}({name}): {name} is a class: write {method}({name}())")
    return webhook


def _paths(webhook: object, default: str) -> list[str]:
    """Return where a defaulter or validator is served: the paths it declares, else controller-runtime's."""
    declared = [urlsplit(each.url).path if each.url else each.path for each in declared_webhooks(type(webhook))]
    return list(dict.fromkeys(path for path in declared if path.strip("/"))) or [default]


class WebhookBuilder:
    """Begins the webhooks of a kind; made by :func:`webhook_managed_by`."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def for_(self, kind: type[T]) -> KindWebhooks[T]:
        """Set the kind of the webhooks.

        Args:
            kind: A project's type or a lightkube kind; with spokes, the hub version.

        Raises:
            TypeError: The type is not a Kubernetes resource.
        """
        identify(kind)
        return KindWebhooks(self._manager, kind)


def webhook_managed_by(manager: Manager) -> WebhookBuilder:
    """Start to build the webhooks of a kind that a manager serves."""
    return WebhookBuilder(manager)
