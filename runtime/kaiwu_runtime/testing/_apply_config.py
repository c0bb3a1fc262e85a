"""The configuration of a server-side apply: what it may be, and which part of it counts.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._refusals import refusal
from kaiwu_runtime.testing._rules import Object, check_duplicates, check_type
from kaiwu_runtime.testing._validation import metadata_mistake


def check_config(kind: FakeKind, key: ObjectKey, config: Object) -> None:
    """Reject a configuration that cannot be applied to the object of its path.

    Args:
        kind: The resource.
        key: Namespace and name, from the path.
        config: The object of the request.

    Raises:
        APIStatusError: It is of another kind, namespace or name, has managedFields, or its metadata cannot be read.
    """
    check_type(kind, config)
    check_duplicates(config)
    if mistake := metadata_mistake(config):
        raise refusal(500, f"failed to create typed patch object: {mistake}", reason="")
    metadata = config.get("metadata") or {}
    if metadata.get("managedFields") is not None:
        raise refusal(400, "metadata.managedFields must be nil")
    place = metadata.get("namespace") if key.namespace else ""  # not looked at for a cluster-scoped object
    if (metadata.get("name") or key.name, place or key.namespace) != (key.name, key.namespace):
        raise refusal(400, "the name of the object does not match the name on the URL")


def part_of(kind: FakeKind, obj: Mapping[str, Any], subresource: str) -> Object:
    """Return the part of an object that a request may write: its status, or everything else.

    Args:
        kind: The resource; of one without the status subresource every request writes all.
        obj: The object.
        subresource: Of the request; empty for the object itself.
    """
    if not kind.status:
        return dict(obj)
    return {name: part for name, part in obj.items() if (name == "status") == bool(subresource)}
