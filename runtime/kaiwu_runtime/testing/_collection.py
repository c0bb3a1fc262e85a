"""Deletion of a collection.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#deleting-a-collection
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.errors import ConflictError, NotFoundError
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._reads import list_page
from kaiwu_runtime.testing._storage import Storage
from kaiwu_runtime.testing._writes import Writer


def delete_collection(
    storage: Storage,
    writer: Writer,
    kind: FakeKind,
    namespace: str,
    options: tuple[Mapping[str, str], Mapping[str, Any]],
) -> dict[str, Any]:
    """Delete the objects of a namespace that the selectors match, and return their list.

    Args:
        storage: Keeps the objects.
        writer: Deletes them.
        kind: The resource.
        namespace: Empty for all, or for a cluster-scoped resource.
        options: The query, with selectors, and DeleteOptions.
    """
    params, sent = options
    selectors = {name: value for name, value in params.items() if name in {"labelSelector", "fieldSelector"}}
    found = list_page(storage, kind, namespace, selectors)
    for item in found["items"]:
        metadata = item["metadata"]
        try:
            writer.delete(kind, ObjectKey(metadata.get("namespace", ""), metadata["name"]), sent)
        except (NotFoundError, ConflictError):
            continue  # deleted with its owner; or a precondition that holds for others
    return found
