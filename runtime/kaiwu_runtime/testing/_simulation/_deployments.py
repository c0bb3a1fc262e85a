"""Deployments: a ReplicaSet for each template, and rollouts from one to the next.

See https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
"""

from __future__ import annotations

from kaiwu_runtime.testing._simulation._deployment_sets import (
    ReplicaSets,
    desired_annotation,
    max_surge,
    max_unavailable,
    revision_of,
)
from kaiwu_runtime.testing._simulation._deployment_status import report
from kaiwu_runtime.testing._simulation._objects import (
    DEPLOYMENTS,
    REPLICA_SETS,
    Object,
    Objects,
    controller_of,
    is_deleted,
)
from kaiwu_runtime.testing._simulation._pod_templates import is_ended, reported, wanted_replicas

_HISTORY = 10


async def sync_deployment(objects: Objects, owner: Object, sets: list[Object], pods: list[Object]) -> None:
    """Bring the ReplicaSets of a Deployment a step further, and report."""
    mine = [each for each in sets if controller_of(each) == owner["metadata"]["uid"] and not is_deleted(each)]
    found = ReplicaSets(objects, owner, mine)
    if not is_deleted(owner):
        await _step(found, pods)
    await report(objects, owner, found)
    if found.new is not None and "annotations" in found.new["metadata"]:
        revision = str(revision_of(found.new))
        if revision != str(revision_of(owner)):
            annotations = {"deployment.kubernetes.io/revision": revision}
            await objects.patch(DEPLOYMENTS, owner, {"metadata": {"annotations": annotations}}, "status")


async def _step(sets: ReplicaSets, pods: list[Object]) -> None:
    spec = sets.owner["spec"]
    wanted = wanted_replicas(spec)
    paused, new = bool(spec.get("paused")), sets.new
    if paused or any(desired_annotation(each) not in {None, wanted} for each in sets.active):
        if not paused or sets.all:
            await sets.resize()
        return
    if (spec.get("strategy") or {}).get("type") == "Recreate":
        await _recreate(sets, pods)
    elif new is None:
        await sets.create(_surged(sets, 0))
    else:
        await sets.renew()
        count = wanted_replicas(new["spec"])
        if count != wanted and (size := wanted if count > wanted else _surged(sets, count)) != count:
            await sets.scale(new, size)
        else:
            await _shrink(sets, new)
    if sets.new is not None and sets.is_complete():
        await _forget(sets)


async def _recreate(sets: ReplicaSets, pods: list[Object]) -> None:
    old = {each["metadata"]["uid"] for each in sets.old}
    active = [each for each in sets.old if wanted_replicas(each["spec"])]
    for each in active:
        await sets.scale(each, 0)
    if active or any(controller_of(pod) in old and not is_ended(pod) for pod in pods):
        return
    wanted = wanted_replicas(sets.owner["spec"])
    if sets.new is None:
        await sets.create(wanted)
        return
    await sets.renew()
    if wanted_replicas(sets.new["spec"]) != wanted:
        await sets.scale(sets.new, wanted)


def _surged(sets: ReplicaSets, count: int) -> int:
    """Return how many Pods the new ReplicaSet may have, which has some."""
    wanted = wanted_replicas(sets.owner["spec"])
    room = wanted + max_surge(sets.owner) - sets.total()
    return count + max(0, min(room, wanted - count))


async def _shrink(sets: ReplicaSets, new: Object) -> None:
    """Take Pods from the old ReplicaSets: first those that are not available, then as many as can be missed."""
    least = wanted_replicas(sets.owner["spec"]) - max_unavailable(sets.owner)
    unavailable = wanted_replicas(new["spec"]) - reported(new, "availableReplicas")
    left = sets.total() - least - unavailable
    if left <= 0:
        return
    sizes = {each["metadata"]["name"]: wanted_replicas(each["spec"]) for each in sets.old}
    for each in sets.old:
        name, available = each["metadata"]["name"], reported(each, "availableReplicas")
        unhealthy = min(left, max(0, sizes[name] - available))
        sizes[name] -= unhealthy
        left -= unhealthy
    # A ReplicaSet that was made smaller just now reports what it had before.
    spare = sum(min(reported(each, "availableReplicas"), wanted_replicas(each["spec"])) for each in sets.all) - least
    for each in sets.old:
        name = each["metadata"]["name"]
        count = min(sizes[name], max(0, spare))
        sizes[name] -= count
        spare -= count
    for each in sets.old:
        if sizes[each["metadata"]["name"]] != wanted_replicas(each["spec"]):
            await sets.scale(each, sizes[each["metadata"]["name"]])


async def _forget(sets: ReplicaSets) -> None:
    """Delete old ReplicaSets beyond the history limit."""
    limit = sets.owner["spec"].get("revisionHistoryLimit", _HISTORY)
    surplus = sorted(sets.old, key=revision_of)[: max(0, len(sets.old) - limit)]
    for each in surplus:
        if not wanted_replicas(each["spec"]) and not reported(each, "replicas"):
            await sets.objects.delete(REPLICA_SETS, each)
