"""What is written about a Pod that fits on no node: its condition, and an Event.

See https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions
"""

from __future__ import annotations

from kaiwu_runtime import _clock as clock
from kaiwu_runtime.api._times import micro_time
from kaiwu_runtime.testing._simulation._objects import EVENTS, PODS, Object, Objects, condition, digest

_SCHEDULER = "default-scheduler"


async def report_unschedulable(objects: Objects, pod: Object, message: str) -> None:
    """Say in the status of a Pod, and by an Event, that it fits on no node; once for each message."""
    metadata = pod["metadata"]
    found = condition("PodScheduled", False, "Unschedulable", message)
    if "generation" in metadata:
        found["observedGeneration"] = metadata["generation"]
    present = _scheduled(pod)
    await objects.set_status(PODS, pod, {"phase": "Pending", "conditions": [found]})
    if present is None or present.get("message") != message:
        await objects.create(EVENTS, _event(pod, message))


async def report_scheduled(objects: Objects, pod: Object, node: str) -> None:
    """Say in the status of a Pod that was reported as unschedulable that it has a node now."""
    if _scheduled(pod) is not None:
        status = {"nominatedNodeName": node, "conditions": [condition("PodScheduled", True)]}
        await objects.set_status(PODS, pod, status)


def _scheduled(pod: Object) -> Object | None:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == "PodScheduled"), None)


def _event(pod: Object, note: str) -> Object:
    metadata = pod["metadata"]
    return {
        "metadata": {
            "name": f"{metadata['name'][:200].rstrip('-.')}.{digest([metadata['uid'], note])}",
            "namespace": metadata["namespace"],
        },
        "eventTime": micro_time(clock.now()),
        "type": "Warning",
        "reason": "FailedScheduling",
        "action": "Scheduling",
        "note": note,
        "reportingController": _SCHEDULER,
        "reportingInstance": f"{_SCHEDULER}-simulator",
        "regarding": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
    }
