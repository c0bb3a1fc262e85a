"""The interface of a controller for one kind: the runtime reads the object and writes its status."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin

from kaiwu_runtime._optional_methods import misspelled
from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.api._rbac import RBACRule
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.controller._builder import ControllerBuilder
from kaiwu_runtime.controller._controller_manager import ControllerManager
from kaiwu_runtime.controller._object_path import ObjectPath
from kaiwu_runtime.controller._permissions import required_rules
from kaiwu_runtime.controller._request import Result
from kaiwu_runtime.errors import ConfigurationError, DefinitionError

K = TypeVar("K")


class ObjectReconciler(ABC, Generic[K]):
    """Move the current state of each object of a kind towards the desired state.

    ::

        class SiteReconciler(ObjectReconciler[Site]):
            def build(self, controller: ControllerBuilder) -> ControllerBuilder:
                return controller.owns(ConfigMap)

            async def reconcile(self, site: Site) -> Result | None:
                await self.client.apply(child_of(site, ConfigMap, data={"title": site.spec.title}))
                site.status.conditions.set("Ready", True, reason="Published")
                return None

    The runtime reads and decodes the object. One that is gone never reaches `reconcile`; one that does not fit its type
    gets an event and a condition, and is left alone until it changes. The status is written once, after `reconcile`
    returned or raised, where it differs from what was read.

    In a module ``*_controller.py``, ``Manager.discover`` finds the class. For a controller of no kind, or of several,
    there is :class:`~kaiwu_runtime.Reconciler`.

    Args:
        client: Reads from the cache, writes to the API server.

    Attributes:
        kind: The kind, taken from the brackets; set by the class statement.
        finalizer: A domain, a slash and a name, as in ``web.example.com/registry``: it is added before `reconcile` is
            called, and removed after `finalize` returned. Empty for none.
    """

    module_suffix: ClassVar[str] = "_controller"
    kind: ClassVar[type[Any]]
    finalizer: ClassVar[str] = ""

    def __init__(self, client: Client) -> None:
        self.client = client

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        """Take the kind from the brackets of the base class."""
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            origin, arguments = get_origin(base), get_args(base)
            if isinstance(origin, type) and issubclass(origin, ObjectReconciler) and isinstance(arguments[0], type):
                cls.kind = arguments[0]

    @classmethod
    def required_rules(cls) -> tuple[RBACRule, ...]:
        """Return the permissions that need no ``@rbac``: for the kind, and for what `build` names.

        An abstract class, and one whose kind is a type variable, need none.

        Raises:
            DefinitionError: The class cannot work, or `build` failed; the message names the class.
        """
        if inspect.isabstract(cls) or (not hasattr(cls, "kind") and vars(cls).get("__parameters__")):
            return ()
        try:
            check_class(cls)
        except ConfigurationError as error:
            raise DefinitionError(str(error)) from None
        return required_rules(cls)

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        """Set what the controller watches besides its kind, and how it runs; called once, before anything runs.

        Args:
            controller: Takes ``owns``, ``watches``, ``with_options`` and the like. ``for_`` is called for the class's
                kind unless it is called here, to give it predicates or selectors.

        Returns:
            The same builder.
        """
        return controller

    @abstractmethod
    async def reconcile(self, obj: K, /) -> Result | None:
        """Look at one object and do what is missing; called again whenever something relevant changed.

        It runs on the event loop and must not block it, and never twice at the same time for one object. It is not
        called for an object that is being deleted.

        Args:
            obj: A copy of the object in the cache. A project's type has its status even where none was written yet;
                what is changed in it is written at the end, with ``observedGeneration``. After an exception it is
                written too if it was changed; after a cancellation it is not.

        Returns:
            When to reconcile again; None means when something changes.

        Raises:
            RetryAfter: Something external is not ready; retry after a time, without an error.
            TerminalError: Do not retry until the object changes.
            Exception: Retry with back-off.
        """

    async def finalize(self, obj: K, /) -> None:
        """Clean up outside of the cluster, before an object with this class's `finalizer` is deleted.

        Called again until it returns without an exception; it may be called more than once, so it must not fail if
        the cleanup was done already.

        Args:
            obj: The object, which is being deleted.

        Raises:
            RetryAfter: Something external is not ready; retry after a time, without an error.
            Exception: Retry with back-off; the object stays.
        """

    def setup_with_manager(self, manager: ControllerManager) -> None:
        """Build the controller of the class's kind; `Manager.setup` and `Manager.discover` call this.

        Raises:
            ConfigurationError: The class has no kind, `reconcile` is no ``async def``, only one of `finalizer` and
                `finalize` is there, or `build` is for another kind.
        """
        check_class(type(self))
        kind = self.kind
        begun = ControllerBuilder(manager)
        begun.abandon()  # this method completes it, or raises the reason
        builder = self.build(begun)
        if not isinstance(builder, ControllerBuilder):
            raise ConfigurationError(f"{type(self).__name__}.build returned {builder!r}: return the builder")
        if builder.kind is None:
            builder.for_(kind)
        if builder.kind is not kind or builder.is_metadata_only:
            raise ConfigurationError(
                f"{type(self).__name__}.build: for_({kind.__name__}) is the only choice, without metadata_only: "
                "inherit from Reconciler for others"
            )
        builder.complete(
            ObjectPath(
                self,
                informer=builder.cache.informer(kind),
                cache=builder.cache,
                client=manager.api_reader,
                decode_failures=builder.decode_failures(),
            )
        )


def check_class(reconciler: type[ObjectReconciler[Any]]) -> None:
    """Reject a class that cannot work.

    Raises:
        ConfigurationError: See `ObjectReconciler.setup_with_manager`.
    """
    name = reconciler.__name__
    kind = getattr(reconciler, "kind", None)
    if kind is None:
        raise ConfigurationError(f"{name} has no kind: write class {name}(ObjectReconciler[Kind])")
    try:
        identify(kind)
    except TypeError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    for method in ("reconcile", "finalize"):
        if not inspect.iscoroutinefunction(getattr(reconciler, method)):
            raise ConfigurationError(
                f"{name}.{method}: write async def, and call what blocks with await asyncio.to_thread(function)"
            )
        _check_takes_an_object(reconciler, method)
    if found := misspelled(reconciler, ObjectReconciler, ("build", "finalize")):
        raise ConfigurationError(f"{name}.{found[0]} is never called: did you mean {found[1]}?")
    finalizes = reconciler.finalize is not ObjectReconciler.finalize
    if reconciler.finalizer and not finalizes:
        raise ConfigurationError(f"{name}: finalizer {reconciler.finalizer!r} needs a method finalize")
    if finalizes and not reconciler.finalizer:
        example = f"{identify(kind).group or 'example.com'}/cleanup"
        raise ConfigurationError(f"{name}: finalize needs a finalizer: write finalizer = {example!r} in the class")


def _check_takes_an_object(reconciler: type[ObjectReconciler[Any]], method: str) -> None:
    try:
        inspect.signature(getattr(reconciler, method)).bind(None, None)
    except TypeError:
        raise ConfigurationError(
            f"{reconciler.__name__}.{method}: is called with one object: write async def {method}(self, obj: "
            f"{identify(reconciler.kind).kind})"
        ) from None
    except ValueError:  # it tells no signature
        return
