"""The scale subresource: the number of replicas, without knowing the kind's own fields.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource
"""

from __future__ import annotations

from typing import Any

from lightkube.models.autoscaling_v1 import Scale

from kaiwu_runtime.api._identity import ObjectKey, identify, key_of
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._codec import decode
from kaiwu_runtime.rest._paths import object_path


async def get_scale(client: Client, kind: type[Any], name: str | ObjectKey, *, namespace: str = "") -> Scale:
    """Return an object's scale: the replicas that are wanted and those there are.

    Args:
        client: Asks the API server; a scale is never cached.
        kind: A project's type or a lightkube kind that has the subresource.
        name: The object's name, or its key.
        namespace: Its namespace; empty for a cluster-scoped kind, or with a key.

    Raises:
        NotFoundError: There is no such object, or the kind has no scale.
        APIError: Any other failure.
    """
    identity = identify(kind)
    namespace, name = key_of(name, namespace)
    path = object_path(identity, client.namespace_for(identity, namespace), name, "scale")
    return decode(Scale, await client.transport.request("GET", path))


async def set_scale(
    client: Client,
    kind: type[Any],
    name: str | ObjectKey,
    replicas: int,
    *,
    namespace: str = "",
    field_manager: str = "",
    dry_run: bool = False,
) -> Scale:
    """Ask for a number of replicas, as ``kubectl scale`` does.

    Args:
        client: Sends it.
        kind: A project's type or a lightkube kind that has the subresource.
        name: The object's name, or its key.
        replicas: How many; 0 or more.
        namespace: Its namespace; empty for a cluster-scoped kind, or with a key.
        field_manager: Instead of the client's own.
        dry_run: Let the server check it without storing it.

    Raises:
        ValueError: The number is negative.
        NotFoundError: There is no such object, or the kind has no scale.
        InvalidError: The object's schema or an admission rule rejects the number.
        APIError: Any other failure.
    """
    if replicas < 0:
        raise ValueError(f"{kind.__name__} {name}: {replicas} replicas; use 0 or more")
    patch = {"spec": {"replicas": replicas}}
    return await client.patch(
        kind, name, patch, namespace=namespace, subresource="scale", field_manager=field_manager, dry_run=dry_run
    )
