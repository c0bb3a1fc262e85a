"""Map a Python type to its resource of the API server.

lightkube's generated kinds have ``_api_info``; a project's own types have the :class:`ResourceIdentity` that the
``resource`` decorator sets. Code that builds a request path, a cache or an owner reference uses :func:`identify`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache, lru_cache, wraps
from typing import Any, NamedTuple, TypeVar

import msgspec
from lightkube.core.resource import NamespacedResource, NamespacedSubResource, Resource, ResourceDef, api_info

IDENTITY_ATTRIBUTE = "__kaiwu_identity__"
R = TypeVar("R")


class ObjectKey(NamedTuple):
    """Namespace and name of one object: the request of a reconciler, and the key of an object in a cache.

    It does not contain what happened to the object: a reconciler acts on the current state.

    Attributes:
        namespace: Empty for a cluster-scoped object.
        name: The object's name.
    """

    namespace: str
    name: str

    @classmethod
    def of(cls, obj: Any) -> ObjectKey:  # noqa: ANN401 - a pydantic model or a lightkube kind
        """Return the key of an object."""
        metadata = obj.metadata
        return cls("", "") if metadata is None else cls(metadata.namespace or "", metadata.name or "")

    @property
    def key(self) -> ObjectKey:
        """The key itself: a request and a key are the same."""
        return self

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def key_of(name: str | ObjectKey, namespace: str = "") -> ObjectKey:
    """Return the key of an object that a caller names by its name and namespace, or by its key.

    Raises:
        TypeError: The name is neither a text nor a key.
        ValueError: A key is given together with another namespace than its own.
    """
    if not isinstance(name, ObjectKey):
        if not isinstance(name, str):
            # The type only of an object, whose text may hold what is secret.
            instead = "pass its key, ObjectKey.of(obj)" if hasattr(name, "metadata") else "pass a text or an ObjectKey"
            raise TypeError(f"an object of type {type(name).__name__} is not a valid name: {instead}")
        return ObjectKey(namespace, name)
    if namespace and namespace != name.namespace:
        raise ValueError(f"object {name}: namespace={namespace!r} contradicts the key: leave it out")
    return name


def is_built_in_group(group: str) -> bool:
    """Return whether an API group is the API server's own, as far as its name tells: not a custom resource's."""
    return "." not in group or group.endswith(".k8s.io")


class ResourceIdentity(msgspec.Struct, frozen=True):
    """Group, version, kind, plural and scope of a resource.

    Attributes:
        group: API group, the empty string for the core group.
        version: API version, for example ``v1beta1``.
        kind: CamelCase kind, for example ``StatefulSet``.
        plural: Lower-case plural used in request paths.
        namespaced: False for a cluster-scoped resource.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """The value of an object's ``apiVersion`` field."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def is_built_in(self) -> bool:
        """Whether the resource is the API server's own, as far as its group tells: not a custom resource's."""
        return is_built_in_group(self.group)

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the request path of the collection, of one object, or of a subresource.

        An empty namespace gives the collection across all namespaces.

        See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
        """
        # Joined, not formatted: a name may be a member of an enumeration of texts.
        parts = [_collection_path(self, namespace)]
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)

    def __str__(self) -> str:
        return f"{self.kind} ({self.api_version})"


@lru_cache(maxsize=1024)  # a few kinds and namespaces for nearly every request
def _collection_path(identity: ResourceIdentity, namespace: str) -> str:
    parts = ["/apis", identity.group, identity.version] if identity.group else ["/api", identity.version]
    if identity.namespaced and namespace:
        parts += ["namespaces", namespace]
    return "/".join([*parts, identity.plural])


class SubresourceIdentity(msgspec.Struct, frozen=True):
    """What one of lightkube's subresource classes stands for: ``PodStatus``, ``DeploymentScale``, ``PodEviction``.

    Attributes:
        parent: The resource it belongs to, whose path it extends.
        name: Last segment of the path: ``status``, ``scale``, ``eviction``.
        api_version: ``apiVersion`` of the objects that it takes; of a scale it is ``autoscaling/v1``.
        kind: ``kind`` of these objects.
        verbs: What the API server offers: ``get``, ``patch``, ``post``, ``put``.
    """

    parent: ResourceIdentity
    name: str
    api_version: str
    kind: str
    verbs: frozenset[str]


def _of_class(function: Callable[[type[Any]], R]) -> Callable[[type[Any]], R]:
    """Remember what a function says of each class; refuse what is not a class in words, not as unhashable."""
    remembered = cache(function)

    @wraps(function)
    def said(kind: type[Any]) -> R:
        try:
            return remembered(kind)  # type: ignore[arg-type]  # a class is hashable
        except (AttributeError, TypeError):
            if isinstance(kind, type):
                raise
            raise not_a_class(kind) from None

    return said


def not_a_class(kind: object) -> TypeError:
    """Return the error for what was passed in the place of a kind's class."""
    # The type only of an object, whose text may hold what is secret.
    what = repr(kind) if kind is None or isinstance(kind, str) else f"an object of type {type(kind).__name__}"
    return TypeError(
        f"{what} is not a Kubernetes resource: pass the class, one with @resource(...) or one of lightkube.resources"
    )


def not_an_object(obj: object) -> TypeError:
    """Return the error for what was passed in the place of an object of a kind."""
    if isinstance(obj, type):
        return TypeError(f"{obj.__name__} is a class: pass an object of it")
    return TypeError(f"an object of type {type(obj).__name__} has no metadata: pass an object of a kind")


@_of_class
def identify(kind: type[Any]) -> ResourceIdentity:
    """Return the identity of a lightkube kind or of a type decorated with ``resource``.

    Raises:
        TypeError: The type is not a Kubernetes resource, or is a subresource: see `subresource_of`.
    """
    identity = kind.__dict__.get(IDENTITY_ATTRIBUTE)
    if isinstance(identity, ResourceIdentity):
        return identity
    if not _is_lightkube(kind):
        if issubclass(kind, type):
            raise TypeError("a class is not an object: make one of it, as in ConfigMap(metadata=...)")
        name = f"{kind.__module__}.{kind.__qualname__}"
        resource = _resource_of_model(kind)
        instead = f"use {resource}" if resource else "decorate it with @resource(...) or use one of lightkube.resources"
        raise TypeError(f"{name} is not a Kubernetes resource: {instead}")
    subresource = subresource_of(kind)
    if subresource is not None:
        parent = subresource.parent
        raise TypeError(
            f"{kind.__qualname__} is the subresource {parent.plural}/{subresource.name}, not a resource: "
            f"use {parent.kind} instead"
        )
    return _lightkube_identity(kind, api_info(kind).resource)


@_of_class
def subresource_of(kind: type[Any]) -> SubresourceIdentity | None:
    """Return what a subresource class of lightkube stands for; None for every other type."""
    if not _is_lightkube(kind):
        return None
    info = api_info(kind)
    if not info.action:
        return None
    return SubresourceIdentity(
        parent=_lightkube_identity(kind, info.parent or info.resource),
        name=info.action,
        api_version=info.resource.api_version,
        kind=info.resource.kind,
        verbs=frozenset(info.verbs),
    )


# Asked for by every request and every owner reference, and always the same.
@_of_class
def type_meta(kind: type[Any]) -> tuple[str, str]:
    """Return ``apiVersion`` and ``kind`` of a type's objects, those of a subresource included.

    Raises:
        TypeError: The type is not a Kubernetes resource.
    """
    subresource = subresource_of(kind)
    if subresource is not None:
        return subresource.api_version, subresource.kind
    identity = identify(kind)
    return identity.api_version, identity.kind


def _resource_of_model(kind: type[Any]) -> str:
    """Return where lightkube has the kind whose schema alone is in its models; empty for every other type."""
    package, _, name = kind.__module__.rpartition(".")
    if package != "lightkube.models":
        return ""
    try:
        module = importlib.import_module(f"lightkube.resources.{name}")
    except ModuleNotFoundError:
        return ""
    return f"{module.__name__}.{kind.__name__}" if hasattr(module, kind.__name__) else ""


def _is_lightkube(kind: type[Any]) -> bool:
    return isinstance(kind, type) and issubclass(kind, Resource) and hasattr(kind, "_api_info")


def _lightkube_identity(kind: type[Any], definition: ResourceDef) -> ResourceIdentity:
    return ResourceIdentity(
        group=definition.group,
        version=definition.version,
        kind=definition.kind,
        plural=api_info(kind).plural,
        namespaced=issubclass(kind, NamespacedResource | NamespacedSubResource),
    )
