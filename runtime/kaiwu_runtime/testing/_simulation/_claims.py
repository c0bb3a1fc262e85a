"""PersistentVolumeClaims: bound at once, and those of a StatefulSet, which stay or go with it or with a Pod.

See https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention
"""

from __future__ import annotations

from typing import Any

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.testing._simulation._objects import CLAIMS, Object, Objects, is_deleted, owned_by
from kaiwu_runtime.testing._simulation._pod_templates import is_ended

_PROTECTION = "kubernetes.io/pvc-protection"

Claim = tuple[str, str]
"""Namespace and name."""


def claims_of(pod: Object) -> set[Claim]:
    """Return the claims that a Pod uses."""
    volumes: list[Any] = pod["spec"].get("volumes") or []
    names = [each["persistentVolumeClaim"]["claimName"] for each in volumes if each.get("persistentVolumeClaim")]
    return {(pod["metadata"]["namespace"], name) for name in names}


async def bind_claims(objects: Objects, claims: list[Object], running: list[Object]) -> set[Claim]:
    """Bind claims, and let those go that are deleted and that no Pod uses which is on a node.

    Args:
        objects: Reads and writes.
        claims: All claims.
        running: The Pods that are on nodes.

    Returns:
        The claims that Pods can use.
    """
    bound = set()
    used = {claim for pod in running if not is_ended(pod) for claim in claims_of(pod)}
    for claim in claims:
        metadata = claim["metadata"]
        name = (metadata["namespace"], metadata["name"])
        if is_deleted(claim):
            finalizers = metadata.get("finalizers") or []
            if name not in used and _PROTECTION in finalizers:
                left = [each for each in finalizers if each != _PROTECTION]
                await objects.patch(CLAIMS, claim, {"metadata": {"finalizers": left or None}})
            continue
        bound.add(name)
        spec = claim.get("spec") or {}
        capacity = (spec.get("resources") or {}).get("requests") or {}
        status = {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": capacity}
        await objects.set_status(CLAIMS, claim, status)
    return bound


async def create_claims(objects: Objects, owner: Object, pod: str) -> list[Object]:
    """Create the claims of a Pod that are missing, and return its volumes."""
    spec, volumes = owner["spec"], []
    deleted = (spec.get("persistentVolumeClaimRetentionPolicy") or {}).get("whenDeleted") == "Delete"
    for template in spec.get("volumeClaimTemplates") or ():
        claim = f"{template['metadata']['name']}-{pod}"
        labels = {**(template["metadata"].get("labels") or {}), **(spec["selector"].get("matchLabels") or {})}
        place: Object = {"name": claim, "namespace": owner["metadata"]["namespace"], "labels": labels}
        if deleted:
            place["ownerReferences"] = owned_by(owner)
        await objects.create(CLAIMS, {"metadata": place, "spec": template["spec"]})
        volumes.append({"name": template["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim}})
    return volumes


async def keep_claims(
    objects: Objects, owner: Object, pods: dict[str, Object], names: list[str], claims: list[Object]
) -> None:
    """Let claims belong to what they go with: the StatefulSet, or a Pod that is beyond its size."""
    policy = owner["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    templates = [each["metadata"]["name"] for each in owner["spec"].get("volumeClaimTemplates") or ()]
    present = {
        claim["metadata"]["name"]: claim
        for claim in claims
        if claim["metadata"]["namespace"] == owner["metadata"]["namespace"] and not is_deleted(claim)
    }
    for name in {**dict.fromkeys(names), **pods}:
        goes = name not in names and policy.get("whenScaled") == "Delete"
        wanted: list[Any] = []
        if goes:
            wanted = owned_by({"apiVersion": "v1", "kind": "Pod", "metadata": pods[name]["metadata"]})
        elif policy.get("whenDeleted") == "Delete":
            wanted = owned_by(owner)
        ours = {owner["metadata"]["uid"]} | ({pods[name]["metadata"]["uid"]} if name in pods else set())
        if name in names and name in pods and not all(f"{template}-{name}" in present for template in templates):
            await create_claims(objects, owner, name)
        for template in templates:
            claim = present.get(f"{template}-{name}")
            if claim is not None:
                await _give(objects, claim, wanted, ours)


async def _give(objects: Objects, claim: Object, wanted: list[Any], ours: set[str]) -> None:
    references = claim["metadata"].get("ownerReferences") or []
    kept = [each for each in references if each["uid"] not in ours]
    if not json_equal(references, [*kept, *wanted]):
        await objects.patch(CLAIMS, claim, {"metadata": {"ownerReferences": [*kept, *wanted] or None}})
