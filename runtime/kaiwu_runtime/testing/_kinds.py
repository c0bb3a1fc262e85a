"""The resources that a fake API server serves, and their properties."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from lightkube.core.resource import api_info

from kaiwu_runtime.api._identity import ResourceIdentity, identify

if TYPE_CHECKING:
    from kaiwu_runtime.api._resource import Scale

_COUNTED = frozenset(
    {
        "CronJob",
        "CustomResourceDefinition",
        "DaemonSet",
        "Deployment",
        "Ingress",
        "Job",
        "NetworkPolicy",
        "Pod",
        "PodDisruptionBudget",
        "ReplicaSet",
        "ReplicationController",
        "StatefulSet",
    }
)


@dataclass(frozen=True, slots=True)
class FakeKind:
    """A resource and how the server treats it.

    Attributes:
        identity: Group, version, kind, plural and scope.
        status: Whether the status is a subresource.
        generation: Whether changes of the spec are counted.
        custom: Whether it is a custom resource.
        model: The type whose required fields an object must have; None accepts every object.
        scale: A custom resource's scale subresource; those of Kubernetes' own kinds are known.
    """

    identity: ResourceIdentity
    status: bool
    generation: bool
    custom: bool
    model: type[Any] | None = field(default=None, compare=False)
    scale: Scale | None = field(default=None, compare=False)

    @property
    def resource(self) -> str:
        """The resource as messages name it: ``deployments.apps``."""
        identity = self.identity
        return f"{identity.plural}.{identity.group}" if identity.group else identity.plural

    @classmethod
    def of(cls, kind: type[Any], *, status: bool | None = None, generation: bool | None = None) -> FakeKind:
        """Return the FakeKind of a type.

        Args:
            kind: A project's type or a lightkube kind.
            status: Default is what the type declares.
            generation: Default is what the API server does for the kind; always True for custom resources.

        Raises:
            TypeError: The type is not a Kubernetes resource.
        """
        # Imported here: a program that uses only lightkube's kinds needs no pydantic.
        from kaiwu_runtime.api._resource import resource_definition  # noqa: PLC0415

        identity = identify(kind)
        definition = resource_definition(kind)
        custom = definition is not None or not kind.__module__.startswith("lightkube.resources")
        declared = definition.status if definition is not None else hasattr(kind, "Status")
        return cls(
            identity=identity,
            status=declared if status is None else status,
            generation=(custom or identity.kind in _COUNTED) if generation is None else generation,
            custom=custom,
            model=kind,
            scale=definition.scale if definition is not None else None,
        )


class Target(NamedTuple):
    """What a request path names.

    Attributes:
        group: API group; empty for the core group.
        version: API version.
        namespace: Empty for all, or for a cluster-scoped resource.
        plural: The resource.
        name: Empty for the collection.
        subresource: Empty for the object itself.
    """

    group: str
    version: str
    namespace: str
    plural: str
    name: str
    subresource: str


def parse_path(path: str) -> Target | None:
    """Return what a request path names, or None when it names no resource.

    See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
    """
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 3 and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    return Target(group, version, namespace, plural, name, subresource)


def group_version(path: str) -> tuple[str, str] | None:
    """Return the group and version whose kinds a path asks for, or None when it asks for something else."""
    match [unquote(part) for part in path.strip("/").split("/")]:
        case ["api", version]:
            return "", version
        case ["apis", group, version]:
            return group, version
    return None


def resource_list(group: str, version: str, kinds: Iterable[FakeKind]) -> dict[str, Any]:
    """Return the answer to a question for the kinds of a group version.

    See https://kubernetes.io/docs/reference/using-api/api-concepts/#discovery-api
    """
    resources = [
        {"name": each.identity.plural, "kind": each.identity.kind, "namespaced": each.identity.namespaced, "verbs": []}
        for each in kinds
    ]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources}


@cache
def built_in(group: str, version: str, plural: str) -> FakeKind | None:
    """Return one of Kubernetes' own kinds, or None when there is none of that name."""
    return next((kind for kind in built_in_kinds(group, version) if kind.identity.plural == plural), None)


@cache
def built_in_kinds(group: str, version: str) -> tuple[FakeKind, ...]:
    """Return Kubernetes' own kinds of a group version."""
    module = _module(group, version)
    found = []
    for kind in vars(module).values() if module is not None else ():
        # Subresources are classes too, with the identity of their object.
        if isinstance(kind, type) and hasattr(kind, "_api_info") and api_info(kind).parent is None:
            known = FakeKind.of(kind)
            if (known.identity.group, known.identity.version) == (group, version):
                found.append(known)
    return tuple(found)


def _module(group: str, version: str) -> ModuleType | None:
    name = (group or "core").removesuffix(".k8s.io").replace(".", "_").replace("-", "_")
    try:
        return importlib.import_module(f"lightkube.resources.{name}_{version}")
    except ImportError:
        return None
