"""Evictions, which a PodDisruptionBudget can reject.

See https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.errors import APIStatusError
from kaiwu_runtime.testing._deletion import check_preconditions
from kaiwu_runtime.testing._kinds import FakeKind, built_in
from kaiwu_runtime.testing._label_selectors import matches
from kaiwu_runtime.testing._refusals import not_found, refusal
from kaiwu_runtime.testing._storage import Storage
from kaiwu_runtime.testing._writes import Writer

_BUDGET_REASON = "DisruptionBudget"
_TARGET = "DisruptionTarget"


def evict(
    storage: Storage, writer: Writer, kind: FakeKind, key: ObjectKey, sent: Mapping[str, Any], *, dry_run: bool
) -> dict[str, Any]:
    """Delete a Pod unless a PodDisruptionBudget forbids it.

    Args:
        storage: Keeps the objects.
        writer: Deletes the Pod.
        kind: The Pods.
        key: The Pod's namespace and name.
        sent: The Eviction.
        dry_run: Answer and store nothing; the Eviction can say so too.

    Raises:
        TooManyRequestsError: The budget allows no disruption at present.
        NotFoundError: There is no such Pod.
        APIStatusError: Several budgets select it, or a precondition does not hold.
    """
    pod = storage.get(kind, key)
    if pod is None:
        raise not_found(kind, key.name)
    options = sent.get("deleteOptions") or {}
    dry_run = dry_run or bool(options.get("dryRun"))
    options = {**options, "dryRun": ["All"]} if dry_run else options
    now = writer.now()
    if "deletionTimestamp" not in pod["metadata"] and _phase(pod) not in {"Pending", "Succeeded", "Failed"}:
        _spend(storage, pod, key, now=now, dry_run=dry_run)
    check_preconditions(kind, pod, options)
    if not dry_run:
        storage.put(kind, key, _evicted(pod, now))
        options = _without_version(options)
    writer.delete(kind, key, options)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _phase(pod: Mapping[str, Any]) -> str:
    return str((pod.get("status") or {}).get("phase") or "Pending")


def _evicted(pod: Mapping[str, Any], now: str) -> dict[str, Any]:
    """Return a Pod with the condition that says so."""
    status = pod.get("status") or {}
    present = {each["type"]: each for each in status.get("conditions") or ()}
    since = present.get(_TARGET, {}).get("lastTransitionTime") if _is_true(present.get(_TARGET)) else None
    present[_TARGET] = {
        "type": _TARGET,
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastTransitionTime": since or now,
    }
    return {**pod, "status": {**status, "conditions": [*present.values()]}}


def _is_true(condition: Mapping[str, Any] | None) -> bool:
    return condition is not None and condition.get("status") == "True"


def _without_version(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return DeleteOptions whose version, which was right before the condition was set, is not looked at again."""
    preconditions = options.get("preconditions") or {}
    left = {name: value for name, value in preconditions.items() if name != "resourceVersion"}
    return {**options, "preconditions": left}


def _spend(storage: Storage, pod: Mapping[str, Any], key: ObjectKey, *, now: str, dry_run: bool) -> None:
    budgets = built_in("policy", "v1", "poddisruptionbudgets")
    if budgets is None:
        return
    labels = pod["metadata"].get("labels") or {}
    found = [
        budget
        for budget in storage.objects(budgets, key.namespace)
        if matches((budget.get("spec") or {}).get("selector"), labels)
    ]
    if len(found) > 1:
        text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise refusal(500, text, reason="")
    for budget in found:
        status = budget.get("status") or {}
        name, allowed = budget["metadata"]["name"], status.get("disruptionsAllowed") or 0
        if not _is_ready(pod) and _unhealthy_may_go(budget):
            continue
        if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
            raise _too_many(f"The disruption budget {name} is still being processed by the server.")
        if allowed < 1:
            healthy, needed = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
            if healthy > needed:
                raise _too_many(f"The disruption budget {name} does not allow evicting pods currently")
            raise _too_many(f"The disruption budget {name} needs {needed} healthy pods and has {healthy} currently")
        if not dry_run:
            place = ObjectKey(key.namespace, name)
            disrupted = {**(status.get("disruptedPods") or {}), key.name: now}
            spent = {**status, "disruptionsAllowed": allowed - 1, "disruptedPods": disrupted}
            storage.put(budgets, place, {**budget, "status": spent})


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _unhealthy_may_go(budget: Mapping[str, Any]) -> bool:
    spec, status = budget.get("spec") or {}, budget.get("status") or {}
    if spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    needed = status.get("desiredHealthy", 0)
    return bool(needed) and status.get("currentHealthy", 0) >= needed


def _too_many(cause: str) -> APIStatusError:
    text = "Cannot evict pod as it would violate the pod's disruption budget."
    return refusal(429, text, causes=[{"reason": _BUDGET_REASON, "message": cause}])
