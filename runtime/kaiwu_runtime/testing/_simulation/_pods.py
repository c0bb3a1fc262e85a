"""Pods without a node: they start, become ready, crash, finish, and are lost with their node; claims are bound."""

from __future__ import annotations

from dataclasses import dataclass, field

from kaiwu_runtime import _clock as clock
from kaiwu_runtime.testing._simulation._claims import bind_claims, claims_of
from kaiwu_runtime.testing._simulation._nodes import SimulatedNode
from kaiwu_runtime.testing._simulation._objects import (
    PODS,
    Object,
    Objects,
    condition,
    is_deleted,
    now,
)
from kaiwu_runtime.testing._simulation._pod_templates import is_ended
from kaiwu_runtime.testing._simulation._scheduler import Scheduler
from kaiwu_runtime.testing._simulation._unschedulable import report_scheduled, report_unschedulable


@dataclass(slots=True)
class Timings:
    """How long things take, in seconds.

    Attributes:
        start: From the creation of a Pod until it is ready.
        restart: From a crash until it is ready again.
        job: How long the Pods of a Job run.
        eviction: From the loss of a node until its Pods are deleted.
    """

    start: float = 1.0
    restart: float = 10.0
    job: float = 5.0
    eviction: float = 300.0


@dataclass(slots=True)
class _Seen:
    since: float
    node: str
    ready_at: float
    restarts: int = 0
    crashed: bool = False
    failed: bool = False
    lost_at: float | None = None


@dataclass(slots=True)
class Pods:
    """Plays the kubelets and the binder of volumes.

    Attributes:
        objects: Reads and writes.
        timings: How long things take.
        nodes: The nodes; Pods are spread over those that have room for them.
        broken_images: Images that cannot be pulled.
    """

    objects: Objects
    timings: Timings
    nodes: list[SimulatedNode]
    _seen: dict[str, _Seen] = field(default_factory=dict)
    broken_images: set[str] = field(default_factory=set)
    _lost: set[str] = field(default_factory=set)

    def crash(self, uid: str) -> None:
        """Let the containers of a Pod end with an error."""
        if found := self._seen.get(uid):
            found.restarts += 1
            found.crashed = True
            found.ready_at = clock.monotonic() + self.timings.restart

    def fail(self, uid: str) -> None:
        """Let a Pod of a Job fail."""
        if found := self._seen.get(uid):
            found.failed = True

    def add_node(self, node: SimulatedNode) -> None:
        """Add a node, or replace the one of its name."""
        names = [each.name for each in self.nodes]
        if node.name in names:
            self.nodes[names.index(node.name)] = node
        else:
            self.nodes.append(node)

    def lose_node(self, name: str) -> None:
        """Let a node go: its Pods are not ready any longer, and are deleted after a while."""
        self._lost.add(name)
        for found in self._seen.values():
            if found.node == name and found.lost_at is None:
                found.lost_at = clock.monotonic()

    def restore_node(self, name: str) -> None:
        """Let a node come back, with the Pods that are still on it."""
        self._lost.discard(name)
        for found in self._seen.values():
            if found.node == name:
                found.lost_at = None

    async def sync(self, pods: list[Object], claims: list[Object]) -> None:
        """Bring Pods and claims a step further."""
        self.objects.due.clear()
        moment = clock.monotonic()
        seen = [(pod, found.node) for pod in pods if (found := self._seen.get(pod["metadata"]["uid"]))]
        bound = await bind_claims(self.objects, claims, [pod for pod, _ in seen])
        scheduler = Scheduler(self.nodes, self._lost, seen)
        for pod in sorted(pods, key=_turn):
            if is_deleted(pod):
                await self.objects.delete(PODS, pod, gracePeriodSeconds=0)
                continue
            known = self._seen.get(pod["metadata"]["uid"])
            if known is None and claims_of(pod) <= bound:
                known = await self._place(pod, moment, scheduler)
            if known is not None:
                await self._run(pod, known, moment)
        present = {pod["metadata"]["uid"] for pod in pods}
        self._seen = {uid: found for uid, found in self._seen.items() if uid in present}

    async def _place(self, pod: Object, moment: float, scheduler: Scheduler) -> _Seen | None:
        status = pod.get("status") or {}
        if pod["spec"].get("schedulingGates"):
            return None
        # A Pod may say where it runs, and one that another simulator has played runs there already.
        node = pod["spec"].get("nodeName") or status.get("nominatedNodeName")
        if not node:
            fits, message = scheduler.find(pod)
            if not fits:
                await report_unschedulable(self.objects, pod, message)
                return None
            node = fits[len(self._seen) % len(fits)]
            await report_scheduled(self.objects, pod, node)
        scheduler.take(pod, node)
        found = self._seen[pod["metadata"]["uid"]] = _Seen(moment, node, moment + self.timings.start)
        found.lost_at = moment if node in self._lost else None
        return found

    async def _run(self, pod: Object, found: _Seen, moment: float) -> None:
        if is_ended(pod):
            return
        if found.lost_at is not None:
            await self._lose(pod, found, moment)
            return
        bad = {each["image"] for each in pod["spec"]["containers"] if each.get("image") in self.broken_images}
        if bad and (pod.get("status") or {}).get("phase") != "Running":
            found.since, found.ready_at = moment, moment + self.timings.start
            await self.objects.set_status(PODS, pod, _not_pulled(pod, found, bad))
            return
        job = any(each["kind"] == "Job" for each in pod["metadata"].get("ownerReferences") or ())
        ends_at = found.since + self.timings.start + self.timings.job
        if job and (moment >= ends_at or found.failed):
            phase = "Failed" if found.failed else "Succeeded"
            await self.objects.set_status(PODS, pod, {"phase": phase, "conditions": _conditions(ready=False)})
            return
        ready = moment >= found.ready_at
        if not ready:
            self.objects.due.append(found.ready_at)
        elif job:
            self.objects.due.append(ends_at)
        if ready or found.crashed:
            found.crashed = found.crashed and not ready
            await self.objects.set_status(PODS, pod, _running(pod, found, ready=ready))

    async def _lose(self, pod: Object, found: _Seen, moment: float) -> None:
        lost_at = found.lost_at or moment
        if moment >= lost_at + self.timings.eviction:
            await self.objects.delete(PODS, pod, gracePeriodSeconds=0)
            return
        self.objects.due.append(lost_at + self.timings.eviction)
        if (pod.get("status") or {}).get("phase") == "Running":
            conditions = [condition("Ready", False, "NodeLost"), condition("ContainersReady", False, "NodeLost")]
            await self.objects.set_status(PODS, pod, {"conditions": conditions})


def _turn(pod: Object) -> tuple[int, str]:
    return -int(pod["spec"].get("priority") or 0), str(pod["metadata"].get("creationTimestamp"))


def _conditions(*, ready: bool) -> list[Object]:
    return [condition("PodScheduled", True), condition("Ready", ready), condition("ContainersReady", ready)]


def _not_pulled(pod: Object, found: _Seen, bad: set[str]) -> Object:
    containers = [
        {
            "name": each["name"],
            "image": each.get("image", ""),
            "imageID": "",
            "ready": False,
            "started": False,
            "restartCount": 0,
            "state": {
                "waiting": {
                    "reason": "ImagePullBackOff" if each.get("image") in bad else "ContainerCreating",
                }
            },
        }
        for each in pod["spec"]["containers"]
    ]
    return {
        "phase": "Pending",
        "nominatedNodeName": found.node,
        "startTime": (pod.get("status") or {}).get("startTime") or now(),
        "conditions": _conditions(ready=False),
        "containerStatuses": containers,
    }


def _running(pod: Object, found: _Seen, *, ready: bool) -> Object:
    present = pod.get("status") or {}
    started = present.get("startTime") or now()
    state: Object = {"running": {"startedAt": started}}
    if not ready:
        state = {"waiting": {"reason": "CrashLoopBackOff"}}
    containers = [
        {
            "name": each["name"],
            "image": each.get("image", ""),
            "imageID": each.get("image", ""),
            "ready": ready,
            "started": ready,
            "restartCount": found.restarts,
            "state": state,
        }
        for each in pod["spec"]["containers"]
    ]
    return {
        "phase": "Running",
        "nominatedNodeName": found.node,  # spec.nodeName would let an API server wait for the node's kubelet
        "startTime": started,
        "conditions": _conditions(ready=ready),
        "containerStatuses": containers,
    }
