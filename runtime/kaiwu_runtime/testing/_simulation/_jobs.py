"""Jobs: their Pods run for a while and end, and the Job is complete or failed.

See https://kubernetes.io/docs/concepts/workloads/controllers/job/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    suffix,
)
from kaiwu_runtime.testing._simulation._pod_templates import is_ended, pod_of, reported

_BACKOFF_LIMIT = 6
_SUCCEEDED, _FAILED = "Succeeded", "Failed"
_WITHDRAWN = "Withdrawn"
_ENDS = frozenset({_SUCCEEDED, _FAILED, _WITHDRAWN})


@dataclass(slots=True)
class JobRecord:
    """The Pods that a Job has had: one that was deleted still counts.

    Attributes:
        before: How many had ended, by phase, and were gone when the Job was seen first.
        phases: Of each Pod that was seen, by uid; one that the Job has deleted itself is withdrawn.
    """

    before: dict[str, int]
    phases: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Object, pods: Sequence[Object]) -> JobRecord:
        """Return the record of a Job that is seen first."""
        phases = [_phase(pod) for pod in pods]
        counts = {_SUCCEEDED: reported(job, "succeeded"), _FAILED: reported(job, "failed")}
        return cls({phase: max(0, count - phases.count(phase)) for phase, count in counts.items()})

    def note(self, pods: Sequence[Object]) -> None:
        """Note the Pods there are; one that is deleted before it has ended has failed."""
        present = {str(pod["metadata"]["uid"]): _FAILED if _is_lost(pod) else _phase(pod) for pod in pods}
        for uid, phase in {**dict.fromkeys(self.phases, _FAILED), **present}.items():
            if self.phases.get(uid) not in _ENDS:
                self.phases[uid] = phase

    def withdraw(self, pod: Object) -> None:
        """Note that the Job itself deletes a Pod, which does not count as failed."""
        self.phases[str(pod["metadata"]["uid"])] = _WITHDRAWN

    def count(self, phase: str) -> int:
        """Return how many Pods have ended in a phase."""
        return self.before[phase] + list(self.phases.values()).count(phase)

    @property
    def total(self) -> int:
        """How many Pods there were."""
        return sum(self.before.values()) + len(self.phases)


async def sync_job(objects: Objects, job: Object, pods: list[Object]) -> None:
    """Create the Pods of a Job that are missing, and report."""
    spec, metadata, present = job["spec"], job["metadata"], job.get("status") or {}
    if _finished(present) or is_deleted(job):
        return
    mine = [pod for pod in pods if controller_of(pod) == metadata["uid"]]
    record: JobRecord = objects.jobs.setdefault(metadata["uid"], JobRecord.of(job, mine))
    record.note(mine)
    succeeded, failed = record.count(_SUCCEEDED), record.count(_FAILED)
    active = [pod for pod in mine if not is_ended(pod) and not is_deleted(pod)]
    completions, limit = _completions(spec), spec.get("backoffLimit")
    exhausted = failed > (_BACKOFF_LIMIT if limit is None else limit)
    suspended = bool(spec.get("suspend"))
    wanted = 0 if exhausted or suspended else _wanted(spec, completions, succeeded, len(active))
    for pod in active[wanted:]:
        if not exhausted:
            record.withdraw(pod)
        await objects.delete(PODS, pod)
    del active[wanted:]
    taken = {pod["metadata"]["name"] for pod in pods if pod["metadata"]["namespace"] == metadata["namespace"]}
    await _create(objects, job, record.total, wanted - len(active), taken)
    status: Object = {
        "startTime": present.get("startTime") or now(),
        "active": len(active),
        "ready": sum(map(is_ready, active)),
        "succeeded": succeeded,
        "failed": failed,
        "uncountedTerminatedPods": {},
    }
    conditions = present.get("conditions") or []
    if exhausted:
        reason = "BackoffLimitExceeded"
        failure = [condition("FailureTarget", True, reason), condition("Failed", True, reason)]
        status["conditions"] = [*conditions, *failure]
    elif not active and not wanted and succeeded >= (1 if completions is None else completions):
        done = [condition("SuccessCriteriaMet", True, "CompletionsReached"), condition("Complete", True)]
        status |= {"completionTime": now(), "conditions": [*conditions, *done]}
    else:
        status |= _suspension(present, suspended)
    await objects.set_status(JOBS, job, status)


def _suspension(status: Object, suspended: bool) -> Object:
    """Return what changes in the status of a Job that has not finished: its time begins anew when it is resumed."""
    conditions = status.get("conditions") or []
    was = next((each["status"] == "True" for each in conditions if each["type"] == "Suspended"), None)
    others = [each for each in conditions if each["type"] != "Suspended"]
    if suspended:
        found = condition("Suspended", True, "JobSuspended", "Job suspended")
        return {"startTime": None, "conditions": [*others, found]}
    if was:
        found = condition("Suspended", False, "JobResumed", "Job resumed")
        return {"startTime": now(), "conditions": [*others, found]}
    return {}


def _completions(spec: Object) -> int | None:
    """Return how many Pods have to succeed; None for one, after which those that run may end."""
    if spec.get("completions") is None and spec.get("parallelism") is None:
        return 1  # what an API server fills in
    found: int | None = spec.get("completions")
    return found


def _wanted(spec: Object, completions: int | None, succeeded: int, active: int) -> int:
    """Return how many Pods are to run."""
    parallelism = spec.get("parallelism")
    most = 1 if parallelism is None else int(parallelism)
    if completions is None:
        return active if succeeded else most
    return max(0, min(most, completions - succeeded))


async def _create(objects: Objects, job: Object, number: int, count: int, taken: set[str]) -> None:
    """Create Pods under names that no other Pod has or, as far as is known, has had."""
    while count > 0:
        pod = _pod(job, number)
        number += 1
        if pod["metadata"]["name"] not in taken:
            count -= 1
            await objects.create(PODS, pod)


def _finished(status: Object) -> bool:
    return any(
        each["type"] in {"Complete", "Failed"} and each["status"] == "True" for each in status.get("conditions") or ()
    )


def _phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def _is_lost(pod: Object) -> bool:
    return is_deleted(pod) and _phase(pod) != _SUCCEEDED


def _pod(job: Object, number: int) -> Object:
    name = job["metadata"]["name"]
    pod = pod_of(job, f"{name}-{suffix(number)}", {"batch.kubernetes.io/job-name": name, "job-name": name})
    pod["metadata"]["generateName"] = f"{name}-"
    return pod
