"""ReplicaSets: as many Pods as they are to have, and what they report.

See https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/
"""

from __future__ import annotations

from kaiwu_runtime.testing._simulation._objects import (
    PODS,
    REPLICA_SETS,
    Object,
    Objects,
    controller_of,
    is_deleted,
    is_ready,
    suffix,
)
from kaiwu_runtime.testing._simulation._pod_templates import is_available, is_ended, pod_of, wanted_replicas

_COST = "controller.kubernetes.io/pod-deletion-cost"


async def sync_replica_set(objects: Objects, owner: Object, pods: list[Object]) -> None:
    """Create and delete Pods of a ReplicaSet, and report."""
    mine = [pod for pod in pods if controller_of(pod) == owner["metadata"]["uid"]]
    active = [pod for pod in mine if not is_deleted(pod) and not is_ended(pod)]
    wanted, name = wanted_replicas(owner["spec"]), owner["metadata"]["name"]
    if not is_deleted(owner):
        taken = {pod["metadata"]["name"] for pod in pods}
        free = (f"{name}-{suffix(number)}" for number in range(len(taken) + wanted + 1))
        missing = [each for each in free if each not in taken][: max(0, wanted - len(active))]
        for each in missing:
            pod = pod_of(owner, each, {})
            pod["metadata"]["generateName"] = f"{name}-"
            await objects.create(PODS, pod)
        newest = sorted(active, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), reverse=True)
        for surplus in sorted(newest, key=_worth)[: max(0, len(active) - wanted)]:
            await objects.delete(PODS, surplus)
    seconds = owner["spec"].get("minReadySeconds") or 0
    labels = ((owner["spec"]["template"].get("metadata") or {}).get("labels") or {}).items()
    await objects.set_status(
        REPLICA_SETS,
        owner,
        {
            "observedGeneration": owner["metadata"].get("generation", 1),
            "replicas": len(active),
            "fullyLabeledReplicas": sum(1 for pod in active if labels <= (pod["metadata"].get("labels") or {}).items()),
            "readyReplicas": sum(map(is_ready, active)),
            "availableReplicas": sum(is_available(objects, pod, seconds) for pod in active),
            "terminatingReplicas": sum(1 for pod in mine if is_deleted(pod) and not is_ended(pod)),
        },
    )


def _worth(pod: Object) -> tuple[bool, bool, int]:
    """Return what a Pod is kept for: those that do not run go first."""
    try:
        cost = int((pod["metadata"].get("annotations") or {}).get(_COST) or 0)
    except ValueError:
        cost = 0
    return (pod.get("status") or {}).get("phase") == "Running", is_ready(pod), cost
