"""The scale subresource of a fake API server.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._refusals import invalid, refusal

_SCALABLE = frozenset(
    {("apps", "Deployment"), ("apps", "ReplicaSet"), ("apps", "StatefulSet"), ("", "ReplicationController")}
)


def replicas_path(kind: FakeKind) -> tuple[str, ...] | None:
    """Return the path of the number of replicas that is wanted; None for a kind that cannot be scaled."""
    if kind.scale is not None:
        return _names(kind.scale.spec_replicas_path)
    return ("spec", "replicas") if (kind.identity.group, kind.identity.kind) in _SCALABLE else None


def replicas_of(kind: FakeKind, obj: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a number, or None
    """Return the number of replicas that is wanted; None when it is not set."""
    return _at(obj, replicas_path(kind) or ())


def scale_of(kind: FakeKind, obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's scale.

    Raises:
        NotFoundError: A custom resource has no number of replicas.
    """
    wanted = replicas_of(kind, obj)
    if wanted is None:
        if kind.custom:
            dotted = ".".join(("", *(replicas_path(kind) or ())))
            raise refusal(500, f'the spec replicas field "{dotted}" does not exist', reason="InternalError")
        wanted = 1
    metadata = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: dict[str, Any] = {"replicas": _present(kind, obj)}
    if selector := _selector(kind, obj):
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": {"replicas": wanted} if wanted else {},
        "status": status,
    }


def scaled(kind: FakeKind, obj: Mapping[str, Any], scale: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with the number of replicas of a scale.

    Raises:
        ConflictError: The scale names another resourceVersion.
        InvalidError: The number is negative or not a number.
    """
    replicas = (scale.get("spec") or {}).get("replicas") or 0
    name = obj["metadata"]["name"]
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise invalid(kind, name, "patch", f"Invalid value: spec.replicas: {replicas!r} is not an int32")
    if replicas < 0:
        raise invalid(kind, name, "spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0")
    version = (scale.get("metadata") or {}).get("resourceVersion")
    metadata = {**obj["metadata"], "resourceVersion": version} if version else obj["metadata"]
    return _with(dict(obj), replicas_path(kind) or (), replicas) | {"metadata": metadata}


def _present(kind: FakeKind, obj: Mapping[str, Any]) -> int:
    path = ("status", "replicas") if kind.scale is None else _names(kind.scale.status_replicas_path)
    return _at(obj, path) or 0


def _selector(kind: FakeKind, obj: Mapping[str, Any]) -> str:
    if kind.scale is not None:
        return (_at(obj, _names(kind.scale.label_selector_path)) or "") if kind.scale.label_selector_path else ""
    selector = _at(obj, ("spec", "selector")) or {}
    labels = selector.get("matchLabels", {}) if kind.identity.group else selector
    return ",".join(f"{name}={value}" for name, value in sorted((labels or {}).items()))


def _names(path: str) -> tuple[str, ...]:
    return tuple(path.strip(".").split("."))


def _at(obj: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON
    for name in path:
        obj = obj.get(name) if isinstance(obj, Mapping) else None
    return obj


def _with(obj: dict[str, Any], path: Sequence[str], value: object) -> dict[str, Any]:
    if not path:
        return obj
    inner = obj.get(path[0])
    part = _with(dict(inner) if isinstance(inner, Mapping) else {}, path[1:], value) if path[1:] else value
    return {**obj, path[0]: part}
