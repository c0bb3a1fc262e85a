"""StatefulSets, ReplicaSets and Deployments: their Pods one after the other, rolling updates, and what they report.

See https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
"""

from __future__ import annotations

from typing import Any

from kaiwu_runtime.testing._simulation._objects import (
    CLAIMS,
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Object,
    Objects,
    condition,
    controller_of,
    digest,
    is_deleted,
    is_ready,
    owned_by,
    suffix,
)

_REVISION = "controller-revision-hash"
_HASH = "pod-template-hash"


async def sync_stateful_set(objects: Objects, owner: Object, pods: list[Object]) -> None:
    """Bring the Pods of a StatefulSet a step further, in their order, and report."""
    spec, name = owner["spec"], owner["metadata"]["name"]
    start = (spec.get("ordinals") or {}).get("start") or 0
    wanted = _replicas(spec)
    revision = f"{name}-{digest(spec['template'])}"
    mine = {pod["metadata"]["name"]: pod for pod in pods if controller_of(pod) == owner["metadata"]["uid"]}
    names = [f"{name}-{number}" for number in range(start, start + wanted)]
    if not is_deleted(owner):
        await _order_pods(objects, owner, mine, names, revision)
    living = [pod for pod in mine.values() if not is_deleted(pod)]
    updated = [pod for pod in living if pod["metadata"]["labels"].get(_REVISION) == revision]
    ready = sum(map(is_ready, living))
    done = len(updated) == len(living) == wanted and ready == wanted
    present = owner.get("status") or {}
    current = revision if done or not present.get("currentRevision") else present["currentRevision"]
    of_current = [pod for pod in living if pod["metadata"]["labels"].get(_REVISION) == current]
    await objects.set_status(
        STATEFUL_SETS,
        owner,
        {
            "observedGeneration": owner["metadata"].get("generation", 1),
            "replicas": len(living),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "currentReplicas": len(of_current),
            "updatedReplicas": len(updated),
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
        },
    )


async def _order_pods(
    objects: Objects, owner: Object, mine: dict[str, Object], names: list[str], revision: str
) -> None:
    spec = owner["spec"]
    parallel = spec.get("podManagementPolicy") == "Parallel"
    for name in names:
        pod = mine.get(name)
        if pod is None:
            await _create_member(objects, owner, name, revision)
        if not parallel and (pod is None or not is_ready(pod)):
            return  # the next one waits for it
    surplus = sorted((name for name in mine if name not in names), key=_ordinal, reverse=True)
    for name in surplus if parallel else surplus[:1]:
        if not is_deleted(mine[name]):
            await objects.delete(PODS, mine[name])
    strategy = spec.get("updateStrategy") or {}
    if surplus or strategy.get("type") == "OnDelete" or not all(name in mine for name in names):
        return
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    for name in reversed(names):
        pod = mine[name]
        if _ordinal(name) >= partition and pod["metadata"]["labels"].get(_REVISION) != revision:
            await objects.delete(PODS, pod)
            return
        if not is_ready(pod):
            return


async def _create_member(objects: Objects, owner: Object, name: str, revision: str) -> None:
    spec, metadata = owner["spec"], owner["metadata"]
    ordinal = name.rpartition("-")[2]
    volumes = []
    for template in spec.get("volumeClaimTemplates") or ():
        claim = f"{template['metadata']['name']}-{name}"
        labels = {**(template["metadata"].get("labels") or {}), **(spec["selector"].get("matchLabels") or {})}
        place = {"name": claim, "namespace": metadata["namespace"], "labels": labels}
        await objects.create(CLAIMS, {"metadata": place, "spec": template["spec"]})
        volumes.append({"name": template["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim}})
    labels = {
        "apps.kubernetes.io/pod-index": ordinal,
        "statefulset.kubernetes.io/pod-name": name,
        _REVISION: revision,
    }
    pod = _pod(owner, name, labels)
    inner = pod["spec"]
    kept = [each for each in inner.get("volumes") or () if each["name"] not in {volume["name"] for volume in volumes}]
    pod["spec"] = {**inner, "hostname": name, "subdomain": spec.get("serviceName") or "", "volumes": [*kept, *volumes]}
    await objects.create(PODS, pod)


async def sync_replica_set(objects: Objects, owner: Object, pods: list[Object]) -> None:
    """Create and delete Pods of a ReplicaSet, and report."""
    mine = [pod for pod in pods if controller_of(pod) == owner["metadata"]["uid"] and not is_deleted(pod)]
    wanted, name = _replicas(owner["spec"]), owner["metadata"]["name"]
    if not is_deleted(owner):
        taken = {pod["metadata"]["name"] for pod in pods}
        free = (f"{name}-{suffix(number)}" for number in range(len(taken) + wanted + 1))
        missing = [each for each in free if each not in taken][: max(0, wanted - len(mine))]
        for each in missing:
            pod = _pod(owner, each, {})
            pod["metadata"]["generateName"] = f"{name}-"
            await objects.create(PODS, pod)
        order = sorted(mine, key=lambda pod: (is_ready(pod), pod["metadata"]["name"]))
        for surplus in order[: max(0, len(mine) - wanted)]:
            await objects.delete(PODS, surplus)
    ready = sum(map(is_ready, mine))
    await objects.set_status(
        REPLICA_SETS,
        owner,
        {
            "observedGeneration": owner["metadata"].get("generation", 1),
            "replicas": len(mine),
            "fullyLabeledReplicas": len(mine),
            "readyReplicas": ready,
            "availableReplicas": ready,
        },
    )


async def sync_deployment(objects: Objects, owner: Object, sets: list[Object]) -> None:
    """Keep a ReplicaSet per template, scale the old ones in once the new one is ready, and report."""
    spec, metadata = owner["spec"], owner["metadata"]
    wanted, revision = _replicas(spec), digest(spec["template"])
    mine = [each for each in sets if controller_of(each) == metadata["uid"] and not is_deleted(each)]
    name = f"{metadata['name']}-{revision}"
    new = next((each for each in mine if each["metadata"]["name"] == name), None)
    old = [each for each in mine if each is not new]
    if not is_deleted(owner):
        if new is None:
            await objects.create(REPLICA_SETS, _replica_set(owner, name, revision))
        elif _replicas(new["spec"]) != wanted:
            await objects.patch(REPLICA_SETS, new, {"spec": {"replicas": wanted}})
        if new is not None and _reported(new, "readyReplicas") >= wanted:
            for each in old:
                if _replicas(each["spec"]):
                    await objects.patch(REPLICA_SETS, each, {"spec": {"replicas": 0}})
    updated = _reported(new, "replicas") if new is not None else 0
    total, ready = (sum(_reported(each, field) for each in mine) for field in ("replicas", "readyReplicas"))
    available = ready >= wanted
    reason = "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable"
    complete = available and total == updated == wanted
    progress = "NewReplicaSetAvailable" if complete else "ReplicaSetUpdated"
    await objects.set_status(
        DEPLOYMENTS,
        owner,
        {
            "observedGeneration": metadata.get("generation", 1),
            "replicas": total,
            "updatedReplicas": updated,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(0, wanted - ready),
            "conditions": [condition("Available", available, reason), condition("Progressing", True, progress)],
        },
    )


def _replica_set(owner: Object, name: str, revision: str) -> Object:
    spec, metadata = owner["spec"], owner["metadata"]
    template = spec["template"]
    labels = {**((template.get("metadata") or {}).get("labels") or {}), _HASH: revision}
    selector = {**spec["selector"], "matchLabels": {**(spec["selector"].get("matchLabels") or {}), _HASH: revision}}
    return {
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": owned_by(owner),
        },
        "spec": {
            "replicas": _replicas(spec),
            "selector": selector,
            "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
        },
    }


def _pod(owner: Object, name: str, labels: dict[str, str]) -> Object:
    template: dict[str, Any] = owner["spec"]["template"]
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


def _replicas(spec: Object) -> int:
    found = spec.get("replicas")
    return 1 if found is None else int(found)


def _reported(obj: Object, field: str) -> int:
    return int((obj.get("status") or {}).get(field) or 0)


def _ordinal(name: str) -> int:
    return int(name.rpartition("-")[2])
