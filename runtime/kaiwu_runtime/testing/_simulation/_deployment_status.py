"""What a Deployment reports: its numbers, whether it is available, and whether its rollout gets on.

See https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
"""

from __future__ import annotations

from kaiwu_runtime.testing._simulation._deployment_sets import ReplicaSets, max_unavailable
from kaiwu_runtime.testing._simulation._objects import DEPLOYMENTS, Object, Objects, condition, now
from kaiwu_runtime.testing._simulation._pod_templates import INFINITE, age, reported, wanted_replicas

_DEADLINE_SECONDS = 600
_AVAILABLE = "NewReplicaSetAvailable"
_TIMED_OUT = "ProgressDeadlineExceeded"
_PAUSED = "DeploymentPaused"
_RESUMED = "DeploymentResumed"


async def report(objects: Objects, owner: Object, sets: ReplicaSets) -> None:
    """Write the status of a Deployment."""
    wanted, new = wanted_replicas(owner["spec"]), sets.new
    fields = ("replicas", "readyReplicas", "availableReplicas", "terminatingReplicas")
    total, ready, available, terminating = (sum(reported(each, field) for each in sets.all) for field in fields)
    status: Object = {
        "observedGeneration": owner["metadata"].get("generation", 1),
        "replicas": total,
        "updatedReplicas": reported(new, "replicas") if new is not None else 0,
        "readyReplicas": ready,
        "availableReplicas": available,
        "unavailableReplicas": max(0, sets.total() - available),
        "terminatingReplicas": terminating,
    }
    enough = available >= wanted - max_unavailable(owner)
    word = "has" if enough else "does not have"
    reason = "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"
    present = {each["type"]: each for each in (owner.get("status") or {}).get("conditions") or ()}
    found = [
        _dated(present, condition("Available", enough, reason, f"Deployment {word} minimum availability.")),
        _progressing(objects, owner, sets, status, present),
    ]
    status["conditions"] = [each for each in found if each is not None]
    await objects.set_status(DEPLOYMENTS, owner, status)


def _progressing(
    objects: Objects, owner: Object, sets: ReplicaSets, status: Object, present: dict[str, Object]
) -> Object | None:
    deadline = owner["spec"].get("progressDeadlineSeconds", _DEADLINE_SECONDS)
    before = present.get("Progressing")
    if deadline == INFINITE:
        return None
    if owner["spec"].get("paused"):
        return before if _reason(before) == _TIMED_OUT else _unknown(present, _PAUSED, "Deployment is paused")
    if _reason(before) == _PAUSED:
        return _unknown(present, _RESUMED, "Deployment is resumed")
    if _reason(before) == _AVAILABLE and status["replicas"] == status["updatedReplicas"] and sets.new is not None:
        return before
    about = f'ReplicaSet "{sets.new["metadata"]["name"]}"' if sets.new is not None else "Deployment"
    counts = ("updatedReplicas", "replicas", "availableReplicas")
    if all(status[name] == wanted_replicas(owner["spec"]) for name in counts):
        return _dated(present, condition("Progressing", True, _AVAILABLE, f"{about} has successfully progressed."))
    if before is None and sets.new is not None:
        created = f'Created new replica set "{sets.new["metadata"]["name"]}"'
        return _dated(present, condition("Progressing", True, "NewReplicaSetCreated", created))
    if _advanced(owner, status) or _reason(before) == _AVAILABLE or before is None:
        return _updated(present, condition("Progressing", True, "ReplicaSetUpdated", f"{about} is progressing."))
    left = deadline - age(before["lastUpdateTime"])
    if left > 0 and _reason(before) != _TIMED_OUT:
        objects.look_again_in(left)
        return before
    return _dated(present, condition("Progressing", False, _TIMED_OUT, f"{about} has timed out progressing."))


def _advanced(owner: Object, status: Object) -> bool:
    """Return whether there are more new Pods, fewer old ones, or more that are ready or available."""
    old = reported(owner, "replicas") - reported(owner, "updatedReplicas")
    return status["replicas"] - status["updatedReplicas"] < old or any(
        status[name] > reported(owner, name) for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )


def _reason(found: Object | None) -> str:
    return str((found or {}).get("reason") or "")


def _unknown(present: dict[str, Object], reason: str, message: str) -> Object:
    return _dated(present, {"type": "Progressing", "status": "Unknown", "reason": reason, "message": message})


def _dated(present: dict[str, Object], wanted: Object) -> Object:
    """Return a condition with the time of its last update, which is the present time if it differs."""
    before = present.get(wanted["type"])
    same = before is not None and all(before.get(name) == wanted[name] for name in ("status", "reason"))
    if before is not None and same:
        return before
    return _updated(present, wanted)


def _updated(present: dict[str, Object], wanted: Object) -> Object:
    before = present.get(wanted["type"]) or {}
    since = before.get("lastTransitionTime") if before.get("status") == wanted["status"] else None
    return {**wanted, "lastUpdateTime": now(), "lastTransitionTime": since or now()}
