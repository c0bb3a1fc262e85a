"""What the controllers of workloads share: Pods made from templates, and which of them are available."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kaiwu_runtime import _clock as clock
from kaiwu_runtime.testing._simulation._objects import Object, Objects, is_ready, owned_by

INFINITE = 2**31 - 1
"""A time limit in seconds that stands for none."""


def pod_of(owner: Object, name: str, labels: dict[str, str], template: Object | None = None) -> Object:
    """Return a Pod of a workload, by its template unless another one is given."""
    template = owner["spec"]["template"] if template is None else template
    given = template.get("metadata") or {}
    metadata = {
        "name": name,
        "namespace": owner["metadata"]["namespace"],
        "labels": {**(given.get("labels") or {}), **labels},
        "ownerReferences": owned_by(owner),
    }
    if given.get("annotations"):
        metadata["annotations"] = given["annotations"]
    return {"metadata": metadata, "spec": template["spec"]}


def wanted_replicas(spec: Object) -> int:
    """Return how many Pods a workload is to have."""
    found = spec.get("replicas")
    return 1 if found is None else int(found)


def reported(obj: Object, field: str) -> int:
    """Return a number in the status of a workload."""
    return int((obj.get("status") or {}).get(field) or 0)


def is_ended(pod: Object) -> bool:
    """Return whether the containers of a Pod have ended for good."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def is_available(objects: Objects, pod: Object, seconds: int) -> bool:
    """Return whether a Pod has been ready for so long; if not, it is looked at again when it will be."""
    if not is_ready(pod):
        return False
    if not seconds:
        return True
    conditions: list[Any] = pod["status"]["conditions"]
    since = next(each["lastTransitionTime"] for each in conditions if each["type"] == "Ready")
    left = seconds - age(since)
    if left > 0:
        objects.look_again_in(left)
    return left <= 0


def age(since: str) -> float:
    """Return how many seconds ago a time of Kubernetes was."""
    return (clock.now() - datetime.fromisoformat(since)).total_seconds()
