"""Jobs: their Pods run for a while and end, and the Job is complete or failed.

See https://kubernetes.io/docs/concepts/workloads/controllers/job/
"""

from __future__ import annotations

from kaiwu_runtime.testing._simulation._objects import (
    JOBS,
    PODS,
    Object,
    Objects,
    condition,
    controller_of,
    is_deleted,
    is_ready,
    now,
    owned_by,
    suffix,
)
from kaiwu_runtime.testing._simulation._pod_templates import is_ended

_BACKOFF_LIMIT = 6


async def sync_job(objects: Objects, job: Object, pods: list[Object]) -> None:
    """Create the Pods of a Job that are missing, and report."""
    spec, metadata, present = job["spec"], job["metadata"], job.get("status") or {}
    if _finished(present) or is_deleted(job) or spec.get("suspend"):
        return
    mine = [pod for pod in pods if controller_of(pod) == metadata["uid"]]
    phases = [(pod.get("status") or {}).get("phase") for pod in mine]
    succeeded, failed = phases.count("Succeeded"), phases.count("Failed")
    active = [pod for pod in mine if not is_ended(pod)]
    completions, limit = spec.get("completions") or 1, spec.get("backoffLimit", _BACKOFF_LIMIT)
    wanted = min(spec.get("parallelism", 1), completions - succeeded)
    exhausted = failed > limit
    if not exhausted:
        for number in range(len(mine), len(mine) + wanted - len(active)):
            await objects.create(PODS, _pod(job, number))
    status: Object = {
        "startTime": present.get("startTime") or now(),
        "active": 0 if exhausted else len(active),
        "ready": sum(map(is_ready, active)),
        "succeeded": succeeded,
        "failed": failed,
        "uncountedTerminatedPods": {},
    }
    if succeeded >= completions:
        done = [condition("SuccessCriteriaMet", True, "CompletionsReached"), condition("Complete", True)]
        status |= {"active": 0, "ready": 0, "completionTime": now(), "conditions": done}
    elif exhausted:
        reason = "BackoffLimitExceeded"
        ended = [condition("FailureTarget", True, reason), condition("Failed", True, reason)]
        status |= {"ready": 0, "conditions": ended}
    await objects.set_status(JOBS, job, status)


def _finished(status: Object) -> bool:
    return any(
        each["type"] in {"Complete", "Failed"} and each["status"] == "True" for each in status.get("conditions") or ()
    )


def _pod(job: Object, number: int) -> Object:
    metadata, template = job["metadata"], job["spec"]["template"]
    name = metadata["name"]
    labels = {
        **((template.get("metadata") or {}).get("labels") or {}),
        "batch.kubernetes.io/job-name": name,
        "job-name": name,
    }
    return {
        "metadata": {
            "name": f"{name}-{suffix(number)}",
            "generateName": f"{name}-",
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": owned_by(job),
        },
        "spec": template["spec"],
    }
