"""Finalizers: names on an object that delay its deletion until a controller has cleaned up.

::

    if cluster.metadata.deletionTimestamp:
        if has_finalizer(cluster, FINALIZER):
            ...  # clean up
            await remove_finalizer(self.client, cluster, FINALIZER)
        return Result()
    await add_finalizer(self.client, cluster, FINALIZER)

See https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/
"""

from __future__ import annotations

from typing import Any

from kaiwu_runtime._names import is_qualified_name
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._object_meta import metadata_of
from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.rest._paths import object_names


def has_finalizer(obj: Any, finalizer: str) -> bool:  # noqa: ANN401 - a pydantic model or a lightkube kind
    """Return whether an object has a finalizer."""
    return finalizer in (metadata_of(obj).finalizers or ())


async def add_finalizer(client: Client, obj: Any, finalizer: str) -> bool:  # noqa: ANN401
    """Add a finalizer to an object that has it not yet; the object is changed in place as well.

    Args:
        client: Writes it, unless it is there.
        obj: An object that was read from the server.
        finalizer: A domain, a slash and a name: ``kaiwu.inspur.com/cleanup``.

    Returns:
        Whether anything was written.

    Raises:
        ValueError: The finalizer has no such form.
        ConflictError: The object has changed since it was read; reconcile again.
        NotFoundError: It is gone.
        InvalidError: It is being deleted: then the server does not accept new finalizers.
        APIError: Any other failure.
    """
    if "/" not in finalizer or not is_qualified_name(finalizer):
        raise ValueError(f"finalizer {finalizer!r}: write a domain, a slash and a name, as in example.com/cleanup")
    if has_finalizer(obj, finalizer):
        return False
    await _write(client, obj, [*(metadata_of(obj).finalizers or ()), finalizer])
    return True


async def remove_finalizer(client: Client, obj: Any, finalizer: str) -> bool:  # noqa: ANN401
    """Remove a finalizer from an object, which may delete the object; `obj` is changed in place as well.

    Args:
        client: Writes it, if the finalizer is there.
        obj: An object that was read from the server.
        finalizer: Its name.

    Returns:
        Whether anything was written; False too when the object is gone already.

    Raises:
        ConflictError: The object has changed since it was read; reconcile again.
        APIError: Any other failure.
    """
    if not has_finalizer(obj, finalizer):
        return False
    try:
        await _write(client, obj, [name for name in obj.metadata.finalizers if name != finalizer])
    except NotFoundError:
        return False
    return True


async def _write(client: Client, obj: Any, finalizers: list[str]) -> None:  # noqa: ANN401
    # The list goes over whole, so the lock is what keeps another controller's finalizer from being dropped with it.
    namespace, name = object_names(obj)
    metadata = metadata_of(obj)
    patch = {"metadata": {"finalizers": finalizers, "resourceVersion": metadata.resourceVersion}}
    stored: Any = await client.patch(type(obj), name, patch, namespace=namespace)
    metadata.finalizers = stored.metadata.finalizers
    metadata.resourceVersion = stored.metadata.resourceVersion
