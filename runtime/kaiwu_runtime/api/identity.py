"""Which resource of the API server a Python type stands for.

Two sources, one answer: lightkube's generated kinds carry ``_api_info``; a project's own types carry the
:class:`ResourceIdentity` that the ``resource`` decorator put on them. Everything that builds a request path,
a cache or an owner reference asks :func:`identify` and never looks at the type again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from lightkube.core.resource import GlobalResource, Resource, api_info

IDENTITY_ATTRIBUTE = "__kaiwu_identity__"


class ObjectKey(NamedTuple):
    """Namespace and name of one object; the namespace of a cluster-scoped object is the empty string."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class ResourceIdentity:
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

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the request path of the collection, of one object, or of a subresource.

        An empty namespace gives the collection across all namespaces.

        See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
        """
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)

    def __str__(self) -> str:
        return f"{self.kind} ({self.api_version})"


def identify(kind: type[Any]) -> ResourceIdentity:
    """Return the identity of a lightkube kind or of a type decorated with ``resource``.

    Raises:
        TypeError: The type stands for no resource.
    """
    identity = kind.__dict__.get(IDENTITY_ATTRIBUTE)
    if isinstance(identity, ResourceIdentity):
        return identity
    return _identify_lightkube(kind)  # type: ignore[arg-type]  # a class is hashable


@cache
def _identify_lightkube(kind: type[Any]) -> ResourceIdentity:
    # Asked for by every request and every owner reference, and always the same.
    if isinstance(kind, type) and issubclass(kind, Resource) and hasattr(kind, "_api_info"):
        info = api_info(kind)
        definition = info.resource
        return ResourceIdentity(
            group=definition.group,
            version=definition.version,
            kind=definition.kind,
            plural=info.plural,
            namespaced=not issubclass(kind, GlobalResource),
        )
    raise TypeError(
        f"{kind.__module__}.{kind.__qualname__} is no Kubernetes resource: "
        "decorate it with @resource(...) or use a kind from lightkube.resources"
    )
