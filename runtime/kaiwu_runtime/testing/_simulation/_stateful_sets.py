"""StatefulSets: their Pods one after the other, rolling updates from the end, and what they report.

See https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kaiwu_runtime.testing._simulation._claims import create_claims, keep_claims
from kaiwu_runtime.testing._simulation._objects import (
    PODS,
    STATEFUL_SETS,
    Object,
    Objects,
    controller_of,
    is_deleted,
    is_ready,
)
from kaiwu_runtime.testing._simulation._pod_templates import is_available, is_ended, pod_of, wanted_replicas
from kaiwu_runtime.testing._simulation._revisions import Revisions

_REVISION = "controller-revision-hash"


@dataclass(slots=True)
class _Members:
    """The Pods of one StatefulSet.

    Attributes:
        objects: Reads and writes.
        owner: The StatefulSet.
        pods: Its Pods by name.
        names: The names of those it is to have, in their order.
        revisions: The present template, and the one before.
    """

    objects: Objects
    owner: Object
    pods: dict[str, Object]
    names: list[str]
    revisions: Revisions

    def is_healthy(self, pod: Object) -> bool:
        """Return whether a Pod lets the next one go on."""
        return is_available(self.objects, pod, self.owner["spec"].get("minReadySeconds") or 0)


async def sync_stateful_set(
    objects: Objects, owner: Object, pods: list[Object], claims: list[Object], revisions: list[Object]
) -> None:
    """Bring the Pods of a StatefulSet a step further, in their order, and report."""
    spec, name = owner["spec"], owner["metadata"]["name"]
    start, wanted = _start(spec), wanted_replicas(spec)
    mine = {pod["metadata"]["name"]: pod for pod in pods if controller_of(pod) == owner["metadata"]["uid"]}
    names = [f"{name}-{number}" for number in range(start, start + wanted)]
    found = Revisions(objects, owner, revisions)
    members = _Members(objects, owner, mine, names, found)
    if not is_deleted(owner):
        await found.create()
        await keep_claims(objects, owner, mine, names, claims)
        await _step(members)
    await _report(members)


def _start(spec: Object) -> int:
    return int((spec.get("ordinals") or {}).get("start") or 0)


def _ordinal(name: str) -> int:
    return int(name.rpartition("-")[2])


def _partition(spec: Object) -> int:
    return int(((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0)


def _is_rolling(spec: Object) -> bool:
    return (spec.get("updateStrategy") or {}).get("type") != "OnDelete"


async def _step(members: _Members) -> None:
    objects, spec = members.objects, members.owner["spec"]
    parallel = spec.get("podManagementPolicy") == "Parallel"
    for name in members.names:
        pod = members.pods.get(name)
        if pod is None:
            await _create_member(members, name)
        elif is_ended(pod) and not is_deleted(pod):
            await objects.delete(PODS, pod)
        if not parallel and (pod is None or not members.is_healthy(pod)):
            return  # the next one waits for it
    surplus = sorted((name for name in members.pods if name not in members.names), key=_ordinal, reverse=True)
    for name in surplus if parallel else surplus[:1]:
        if not is_deleted(members.pods[name]):
            await objects.delete(PODS, members.pods[name])
    if (surplus and not parallel) or not _is_rolling(spec):
        return
    await _update(members)


async def _update(members: _Members) -> None:
    """Delete the last Pod of an old revision, once all after it are healthy."""
    for name in reversed(members.names):
        pod = members.pods.get(name)
        if _ordinal(name) < _start(members.owner["spec"]) + _partition(members.owner["spec"]):
            return
        if pod is not None and not is_deleted(pod) and _revision(pod) != members.revisions.update:
            await members.objects.delete(PODS, pod)
            return
        if pod is None or not members.is_healthy(pod):
            return


def _revision(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(_REVISION, ""))


async def _create_member(members: _Members, name: str) -> None:
    owner, revisions = members.owner, members.revisions
    spec = owner["spec"]
    volumes = await create_claims(members.objects, owner, name)
    # What is below the partition stays as it was, also if its Pod is made anew.
    old = _is_rolling(spec) and _ordinal(name) < _start(spec) + _partition(spec)
    revision = revisions.current if old else revisions.update
    labels = {
        "apps.kubernetes.io/pod-index": name.rpartition("-")[2],
        "statefulset.kubernetes.io/pod-name": name,
        _REVISION: revision,
    }
    pod = pod_of(owner, name, labels, revisions.template(revision))
    inner: dict[str, Any] = pod["spec"]
    given = {volume["name"] for volume in volumes}
    kept = [each for each in inner.get("volumes") or () if each["name"] not in given]
    pod["spec"] = {**inner, "hostname": name, "subdomain": spec.get("serviceName") or "", "volumes": [*kept, *volumes]}
    await members.objects.create(PODS, pod)


async def _report(members: _Members) -> None:
    owner, revisions = members.owner, members.revisions
    wanted = wanted_replicas(owner["spec"])
    living = [pod for pod in members.pods.values() if not is_deleted(pod)]
    updated = [pod for pod in living if _revision(pod) == revisions.update]
    ready = sum(map(is_ready, living))
    current = revisions.current
    if len(updated) == len(living) == ready == wanted:
        current = revisions.update
    status = {
        "observedGeneration": owner["metadata"].get("generation", 1),
        "replicas": len(living),
        "readyReplicas": ready,
        "availableReplicas": sum(members.is_healthy(pod) for pod in living),
        "currentReplicas": sum(1 for pod in living if _revision(pod) == current),
        "updatedReplicas": len(updated),
        "currentRevision": current,
        "updateRevision": revisions.update,
        "collisionCount": 0,
    }
    await members.objects.set_status(STATEFUL_SETS, owner, status)
    if not is_deleted(owner):
        await revisions.forget({current, revisions.update, *map(_revision, members.pods.values())})
